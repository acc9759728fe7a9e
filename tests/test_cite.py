"""A record is cited so that the text, and the bytes it was read from, can be found and proved."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.citation import bibtex, csl, sentence

from .archives import article, write
from .conftest import scrapy

ID = "1616497394-946528541"
RECORD = "urn:uuid:6d1a1f4e-0000-4000-8000-000000000001"
CITED = replace(
    article(1, "Rice is dear."),
    id=ID,
    url=f"https://kcnawatch.org/newstream/{ID}/the-price",
    headline="The {Price} of Rice & Maize: 100% up",
    source_name="Ministry of Foreign Affairs",
    date_published="2021-03-23",
    date_downloaded="2026-11-27T00:00:00+00:00",
    original_url="http://www.mfa.gov.kp/1",
    warc_record_id=RECORD,
)


def test_a_sentence_says_all_that_is_needed_to_find_and_prove_a_text() -> None:
    assert sentence(CITED) == (
        "“The {Price} of Rice & Maize: 100% up”, Ministry of Foreign Affairs, 23 March 2021. KCNA Watch, "
        f"{CITED.url} (original: http://www.mfa.gov.kp/1), retrieved 27 November 2026. Article {ID}, revision 1, "
        f"SHA-256 of the text {CITED.body_sha256}, WARC record {RECORD}."
    )


def processed(entries: Any) -> str:
    """What a citation processor makes of references, in its own style."""
    with warnings.catch_warnings():
        # It warns of its own style sheets.
        warnings.simplefilter("ignore")
        from citeproc import Citation, CitationItem, CitationStylesBibliography, CitationStylesStyle, formatter

        style = CitationStylesStyle("harvard-cite-them-right", validate=False)
        bibliography = CitationStylesBibliography(style, entries, formatter.plain)
        bibliography.register(Citation([CitationItem(key) for key in entries]))
        return "".join(map(str, bibliography.bibliography()[0]))


def test_a_citation_processor_reads_csl() -> None:
    from citeproc.source.json import CiteProcJSON

    told = processed(CiteProcJSON(json.loads(json.dumps(csl(CITED)))))
    assert "The {Price} of Rice & Maize: 100% up" in told
    assert "Ministry of Foreign Affairs" in told
    assert "2021" in told


def test_a_citation_processor_reads_bibtex(tmp_path: Path) -> None:
    from citeproc.source.bibtex import BibTeX

    path = tmp_path / "one.bib"
    # Of LaTeX's commands for braces it knows nothing.
    path.write_text(bibtex(replace(CITED, headline="Rice & Maize: 100% up")), encoding="utf-8")
    with warnings.catch_warnings():
        # It warns of each field that has no place in CSL.
        warnings.simplefilter("ignore")
        told = processed(BibTeX(str(path), encoding="utf-8"))
    assert "Rice & Maize: 100% up" in told
    assert "2021" in told


def test_what_bibtex_takes_for_its_own_is_escaped() -> None:
    told = bibtex(replace(CITED, headline="{a} $5 #1 x_y 50% ~^ \\"))
    assert (
        r"title = {{\textbraceleft{}a\textbraceright{} \$5 \#1 x\_y 50\% \textasciitilde{}\textasciicircum{} " in told
    )
    assert told.count("{") == told.count("}")


@pytest.mark.parametrize("named", [ID, f"https://kcnawatch.org/newstream/{ID}/x/", f"kcnawatch.org/newstream/{ID}"])
def test_the_latest_revision_is_cited_however_the_article_is_named(tmp_path: Path, named: str) -> None:
    later = replace(CITED, revision=2, headline="김정은동지께서 Later", revision_cause="site")
    write(tmp_path, [CITED, article(2, "Another."), later])
    done = scrapy(tmp_path, "cite", named)
    assert (done.returncode, done.stderr) == (0, "")
    assert "“김정은동지께서 Later”" in done.stdout
    assert "revision 2" in done.stdout
    assert json.loads(scrapy(tmp_path, "cite", named, "--csl", "--revision", "1").stdout) == csl(CITED)
    assert scrapy(tmp_path, "cite", named, "--bibtex", "--revision", "1").stdout == bibtex(CITED) + "\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["looms"], "'looms' is neither an article's id nor its address"),
        (["1616497394-000000000"], "1616497394-000000000 is not in {folder}/articles.jsonl"),
        ([ID, "--revision", "9"], f"{ID}, revision 9, is not in {{folder}}/articles.jsonl"),
        ([ID, "--revision", "0"], "option --revision='0': not a whole number from 1"),
        ([], "cite needs ID"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: list[str], line: str) -> None:
    write(tmp_path, [CITED])
    done = scrapy(tmp_path, "cite", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"kcnacrawl: usage (2): {line.format(folder=tmp_path)}\n"
