"""What each of Scrapy's own settings must be: one table, for every command that fetches.

Scrapy reads a setting where it first needs it: a bad one is a traceback, or a crawl that hangs or stores nothing.
"""

import codecs
import ipaddress
import logging
import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import Any, Final

import msgspec
from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings, default_settings
from scrapy.utils.misc import load_object
from scrapy.utils.versions import get_versions

from .arguments import ArgumentError, whole
from .config import number as decimal

Reader = Callable[[Any], object]
"""Raises ``ValueError`` for what a setting must not be; takes what Scrapy takes: a Python value, or its text."""

_TLS_VERSIONS: Final = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_TLS_METHODS: Final = ("TLS", *_TLS_VERSIONS[:3])
_REFERRER_POLICIES: Final = {
    *("", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "unsafe-url"),
    *("origin-when-cross-origin", "strict-origin-when-cross-origin", "scrapy-default"),
}
_LARGEST: Final = 10**15
_LEVELS: Final = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


def check(settings: BaseSettings) -> None:
    """Raise :class:`ArgumentError` for the first setting of Scrapy's that is not what it must be."""
    for name in sorted(READERS.keys() & set(settings)):
        # What nobody has set needs no check, and some of it takes time to load.
        if (settings.getpriority(name) or 0) > SETTINGS_PRIORITIES["default"]:
            _check(name, settings[name])
    given = [name for name in ("HTTPAUTH_USER", "HTTPAUTH_PASS") if settings[name]]
    if given and not settings.getpriority("HTTPAUTH_DOMAIN"):
        # Or the password would be told to whatever site a request goes to.
        raise ArgumentError(f"setting {given[0]}: give HTTPAUTH_DOMAIN as well, the domain that it is for")


def check_given(pairs: Iterable[str]) -> None:
    """Check what ``-s`` gives as text, before Scrapy takes it apart. Raise :class:`ArgumentError`."""
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise ArgumentError(f"-s {pair[:200]!r}: not NAME=VALUE")
        if name in READERS:
            _check(name, text)


def _check(name: str, value: object) -> None:
    try:
        READERS[name](value)
    except ValueError as error:
        shown = value if isinstance(value, str) else str(value)
        raise ArgumentError(f"setting {name}={shown[:200]!r}: {error}") from error


# What a setting may be


def switch(value: Any) -> None:
    """Accept what Scrapy reads as a truth value."""
    if str(value) not in {"True", "true", "1", "False", "false", "0"}:
        raise ValueError("not True or False")


def number(least: int, most: int = _LARGEST) -> Reader:
    """Accept a whole number from ``least``."""
    return lambda value: whole(str(value).strip(), least, most)


def any_number(value: Any) -> None:
    """Accept a whole number, also one below 0."""
    try:
        whole(str(value).strip().removeprefix("-"), most=_LARGEST)
    except ValueError as error:
        raise ValueError("not a whole number") from error


def seconds(value: Any) -> None:
    """Accept a number of seconds from 0."""
    decimal(str(value), 1e9, "not a number of seconds, 0 or more")


def time_limit(value: Any) -> None:
    """Accept a number of seconds above 0."""
    if not decimal(str(value), 1e9, told := "not a number of seconds above 0"):
        raise ValueError(told)


def share(value: Any) -> None:
    """Accept a share from 0 to 1."""
    decimal(str(value), 1, "not a share from 0 to 1")


def amount(value: Any) -> None:
    """Accept a number above 0."""
    if not decimal(str(value), 1e9, told := "not a number above 0"):
        raise ValueError(told)


def optional(read: Reader) -> Reader:
    """Accept ``None`` besides."""
    return lambda value: None if value is None else read(value)


def level(value: Any) -> None:
    """Accept the name of a log level, or its number."""
    if not isinstance(value, int) and value not in logging.getLevelNamesMapping():
        raise ValueError(f"not one of {', '.join(_LEVELS)}")


def encoding(value: Any) -> None:
    """Accept the name of an encoding of text."""
    try:
        codecs.lookup(str(value))
        "".encode(str(value))
    except (LookupError, ValueError) as error:
        raise ValueError("no encoding that Python knows") from error


def one_line(value: Any) -> None:
    """Accept what may stand in a header."""
    if not str(value).isprintable():
        raise ValueError("not one line of text")


def ip_address(value: Any) -> None:
    """Accept an IP address; in Python, also one with a port."""
    host = value[0] if isinstance(value, tuple) else value
    try:
        ipaddress.ip_address(str(host))
    except ValueError as error:
        raise ValueError("not an IP address") from error


def tls_version(value: Any) -> None:
    """Accept the name of a version of TLS."""
    if value not in _TLS_VERSIONS:
        raise ValueError(f"not one of {', '.join(_TLS_VERSIONS)}")


def log_file(value: Any) -> None:
    """Accept a file that can be made, or written to; empty, none."""
    path = Path(value).absolute()
    if value and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise ValueError("no file that can be written")


def folder(value: Any) -> None:
    """Accept a folder that there is, or can be made; empty, none."""
    path = Path(value).absolute()
    nearest = next(one for one in (path, *path.parents) if one.exists())
    if value and not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise ValueError("no folder that can be written")


def log_format(value: Any) -> None:
    """Accept a format of :mod:`logging`, in the style of ``%``."""
    logging.Formatter(value)


def component(value: Any) -> None:
    """Accept a class or function, or its path."""
    if not isinstance(value, str):
        return
    module, _, name = value.rpartition(".")
    try:
        is_there = bool(module) and find_spec(module) is not None and name.isidentifier()
        # A module of somebody else's may need the reactor, which is not there yet.
        if is_there and module.startswith(("scrapy.", f"{__package__}.")):
            load_object(value)
    except (ImportError, NameError, ValueError):
        is_there = False
    if not is_there:
        raise ValueError("not the path of a class or function")


def context_factory(value: Any) -> None:
    """Accept what Scrapy has for none, or a class."""
    if value != default_settings.DOWNLOADER_CLIENTCONTEXTFACTORY:
        component(value)


def tls_method(value: Any) -> None:
    """Accept what Scrapy still takes in the place of the versions of TLS."""
    if value not in _TLS_METHODS:
        raise ValueError(f"not one of {', '.join(_TLS_METHODS)}")


def ciphers(value: Any) -> None:
    """Accept a list of ciphers as OpenSSL writes it."""
    try:
        ssl.create_default_context().set_ciphers(value)
    except ssl.SSLError as error:
        raise ValueError("no ciphers that OpenSSL knows") from error


def referrer_policy(value: Any) -> None:
    """Accept the name of a policy, or a class; of several by comma a site takes the last that it knows."""
    if not isinstance(value, str) or {one.strip().lower() for one in value.split(",")} - _REFERRER_POLICIES:
        component(value)


def module(value: Any) -> None:
    """Accept the name of a module."""
    try:
        is_there = find_spec(value) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        raise ValueError("not a module")


def software(value: Any) -> None:
    """Accept what a version can be told of."""
    try:
        get_versions([value])
    except ImportError as error:
        raise ValueError("not a package that is installed") from error


def listed(read: Reader) -> Reader:
    """Accept a list whose members ``read`` accepts: in Python, as JSON, or by comma."""

    def read_list(value: Any) -> None:
        for one in value.split(",") if isinstance(value, str) and value else value or ():
            read(one)

    return read_list


def table(read: Reader = lambda _: None) -> Reader:
    """Accept a table whose values ``read`` accepts: in Python or as JSON."""

    def read_table(value: Any) -> None:
        for key, one in _table(value).items():
            try:
                read(one)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error

    return read_table


def components(value: Any) -> None:
    """Accept a table of components and their places; a component that has none is switched off."""
    for one, place in _table(value).items():
        if place is None:
            continue
        if not isinstance(place, Real):
            raise ValueError(f"{one}: its place is not a number")  # noqa: TRY004 - one kind of error for all
        try:
            component(one)
        except ValueError as error:
            raise ValueError(f"{one}: {error}") from error


def slot(value: Any) -> None:
    """Accept how the requests to one host are paced."""
    readers: dict[str, Reader] = {
        "concurrency": number(1),
        "delay": seconds,
        "jitter": share,
        "randomize_delay": switch,
        "throttle": lambda _: None,
    }
    for key, one in _table(value).items():
        if key not in readers:
            raise ValueError(f"{key}: not one of {', '.join(readers)}")
        try:
            readers[key](one)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error


def ports(value: Any) -> None:
    """Accept a range of ports."""
    for port in value.split(",") if isinstance(value, str) else value:
        whole(str(port).strip(), most=65_535)


def anything(value: Any) -> None:
    """Accept a text, a name or a path, or what only a project of Python's can give."""
    del value


def _table(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except ValueError as error:
            raise ValueError(f"not a table as JSON ({error})") from error
    if not isinstance(value, Mapping):
        raise ValueError("not a table as JSON")  # noqa: TRY004 - one kind of error for all
    return value


_KINDS: Final[dict[Reader, str]] = {
    number(0): (
        "CLOSESPIDER_ERRORCOUNT CLOSESPIDER_ITEMCOUNT CLOSESPIDER_PAGECOUNT CLOSESPIDER_PAGECOUNT_NO_ITEM"
        " CLOSESPIDER_TIMEOUT_NO_ITEM CONCURRENT_REQUESTS CONCURRENT_REQUESTS_PER_IP DEPTH_LIMIT DNSCACHE_SIZE"
        " DOWNLOAD_MAXSIZE DOWNLOAD_WARNSIZE FEED_EXPORT_BATCH_ITEM_COUNT HTTPCACHE_EXPIRATION_SECS MEMUSAGE_LIMIT_MB"
        " MEMUSAGE_WARNING_MB REDIRECT_MAX_TIMES REMOTE_CONTROL_OUTPUT_MAX_BYTES REMOTE_CONTROL_TRACEBACK_MAX_BYTES"
        " RETRY_TIMES URLLENGTH_LIMIT"
    ),
    number(1): (
        "CONCURRENT_ITEMS CONCURRENT_REQUESTS_PER_DOMAIN REACTOR_THREADPOOL_MAXSIZE SCRAPER_SLOT_MAX_ACTIVE_SIZE"
    ),
    number(1, 65_535): "MAIL_PORT",
    number(16_384, 16_777_215): "HTTP2_MAX_FRAME_SIZE",
    any_number: "DEPTH_PRIORITY REDIRECT_PRIORITY_ADJUST RETRY_PRIORITY_ADJUST",
    optional(any_number): "FEED_EXPORT_INDENT",
    optional(number(1)): "AWS_MAX_POOL_CONNECTIONS",
    seconds: (
        "AUTOTHROTTLE_MAX_DELAY AUTOTHROTTLE_START_DELAY CLOSESPIDER_TIMEOUT DOWNLOAD_DELAY LOGSTATS_INTERVAL"
        " METAREFRESH_MAXDELAY"
    ),
    time_limit: (
        "DNS_TIMEOUT DOWNLOAD_TIMEOUT MEMUSAGE_CHECK_INTERVAL_SECONDS REMOTE_CONTROL_TIMEOUT_DEFAULT"
        " REMOTE_CONTROL_TIMEOUT_MAX"
    ),
    share: "DOWNLOAD_DELAY_JITTER",
    amount: "AUTOTHROTTLE_TARGET_CONCURRENCY",
    level: "DEFAULT_DROPITEM_LOG_LEVEL LOG_LEVEL RETRY_GIVE_UP_LOG_LEVEL",
    encoding: "HTTPPROXY_AUTH_ENCODING LOG_ENCODING",
    optional(encoding): "FEED_EXPORT_ENCODING",
    one_line: "USER_AGENT",
    optional(one_line): "ROBOTSTXT_USER_AGENT",
    optional(ip_address): "DOWNLOAD_BIND_ADDRESS",
    optional(tls_version): "DOWNLOAD_TLS_MAX_VERSION DOWNLOAD_TLS_MIN_VERSION",
    optional(log_file): "LOG_FILE",
    log_format: "LOG_FORMAT",
    component: (
        "DEFAULT_ITEM_CLASS DNS_RESOLVER DOWNLOADER DUPEFILTER_CLASS HTTPCACHE_POLICY HTTPCACHE_STORAGE ITEM_PROCESSOR"
        " LOG_FORMATTER REQUEST_FINGERPRINTER_CLASS ROBOTSTXT_PARSER SCHEDULER SCHEDULER_DISK_QUEUE"
        " SCHEDULER_MEMORY_QUEUE SCHEDULER_PRIORITY_QUEUE SPIDER_LOADER_CLASS STATS_CLASS TWISTED_DNS_RESOLVER"
        " TWISTED_REACTOR"
    ),
    optional(component): ("ASYNCIO_EVENT_LOOP FEED_URI_PARAMS SCHEDULER_START_DISK_QUEUE SCHEDULER_START_MEMORY_QUEUE"),
    context_factory: "DOWNLOADER_CLIENTCONTEXTFACTORY",
    ciphers: "DOWNLOADER_CLIENT_TLS_CIPHERS",
    tls_method: "DOWNLOADER_CLIENT_TLS_METHOD",
    referrer_policy: "REFERRER_POLICY",
    optional(folder): "JOBDIR",
    listed(module): "SPIDER_MODULES",
    listed(software): "LOG_VERSIONS",
    listed(component): "RETRY_EXCEPTIONS",
    listed(number(100, 599)): "RETRY_HTTP_CODES",
    listed(number(0, 999)): "HTTPCACHE_IGNORE_HTTP_CODES HTTPERROR_ALLOWED_CODES",
    components: (
        "ADDONS DOWNLOADER_MIDDLEWARES DOWNLOADER_MIDDLEWARES_BASE EXTENSIONS EXTENSIONS_BASE ITEM_PIPELINES"
        " ITEM_PIPELINES_BASE SPIDER_CONTRACTS SPIDER_CONTRACTS_BASE SPIDER_MIDDLEWARES SPIDER_MIDDLEWARES_BASE"
    ),
    table(optional(component)): (
        "DOWNLOAD_HANDLERS DOWNLOAD_HANDLERS_BASE FEED_EXPORTERS FEED_EXPORTERS_BASE FEED_STORAGES FEED_STORAGES_BASE"
    ),
    table(slot): "DOWNLOAD_SLOTS",
    table(table()): "FEEDS",
    table(): "DEFAULT_REQUEST_HEADERS REFERRER_POLICIES",
    optional(switch): "AWS_USE_SSL AWS_VERIFY",
    switch: "TELNETCONSOLE_ENABLED",
    ports: "TELNETCONSOLE_PORT",
    anything: (
        "AWS_ACCESS_KEY_ID AWS_ENDPOINT_URL AWS_REGION_NAME AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN BOT_NAME"
        " COMMANDS_MODULE"
        " EDITOR FEED_EXPORT_FIELDS FEED_FORMAT FEED_STORAGE_GCS_ACL FEED_STORAGE_S3_ACL FEED_TEMPDIR FEED_URI"
        " FILES_STORE FILES_STORE_GCS_ACL FILES_STORE_S3_ACL FTP_PASSWORD FTP_USER GCS_PROJECT_ID HTTPAUTH_DOMAIN"
        " HTTPAUTH_PASS HTTPAUTH_USER HTTPCACHE_DBM_MODULE HTTPCACHE_DIR HTTPCACHE_IGNORE_RESPONSE_CACHE_CONTROLS"
        " HTTPCACHE_IGNORE_SCHEMES IMAGES_STORE IMAGES_STORE_GCS_ACL IMAGES_STORE_S3_ACL LOG_DATEFORMAT"
        " MAIL_FROM MAIL_HOST MAIL_PASS MAIL_USER MEMUSAGE_NOTIFY_MAIL METAREFRESH_IGNORE_TAGS"
        " NEWSPIDER_MODULE PERIODIC_LOG_DELTA PERIODIC_LOG_STATS REMOTE_CONTROL_JOBS_DIR"
        " STATSMAILER_RCPTS TELNETCONSOLE_HOST TELNETCONSOLE_PASSWORD TELNETCONSOLE_USERNAME"
        " TEMPLATES_DIR"
    ),
}
READERS: Final[dict[str, Reader]] = {
    **{name: switch for name, value in vars(default_settings).items() if isinstance(value, bool)},
    **{name: read for read, names in _KINDS.items() for name in names.split()},
}
"""Every setting that Scrapy has a default for, and what reads it."""
