"""Links between articles that carry the same story. Derived from the archive: all of it can be dropped and made again.

A text is normalised and taken apart (``text``), recognised if it is a template (``templates``), found by its signature
among those of the days before it (``signature``, ``index``), compared with what was found (``comparison``), and linked
to the earliest that tells the same (``linking``). Translations are found by what stays in another language: numbers,
dates and names (``languages``, ``translation_index``, ``translation``).
"""
