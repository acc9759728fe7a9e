"""``python -m tests.serving COMMAND``: a command that serves until it is interrupted is started, asked, interrupted."""

import re
import signal
import subprocess
import sys
import urllib.request


def main(words: list[str]) -> int:
    """The command's exit code, if what it served when it said where was a page; on a free port."""
    with subprocess.Popen([*words, "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            told = (re.search(r"http://\S+", line) for line in server.stdout)
            url = next((found[0] for found in told if found), None)
            if url is not None:
                urllib.request.urlopen(url).close()
                print(f"served {url}")
        finally:
            server.send_signal(signal.SIGINT)
    return server.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
