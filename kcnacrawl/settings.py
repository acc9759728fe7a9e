"""Only what differs from Scrapy's defaults, each with its reason. ``-s NAME=value`` wins over all of it."""

import os

from . import config

BOT_NAME = "kcnacrawl"
SPIDER_MODULES = ["kcnacrawl.spiders"]
NEWSPIDER_MODULE = "kcnacrawl.spiders"
COMMANDS_MODULE = "kcnacrawl.commands"

# Ours, which config.py explains: each may be given in the environment as well.
globals().update({name: os.environ.get(name, default) for name, default in config.DEFAULTS.items()})

# Polite: as robots.txt says, Crawl-delay included; one request at a time, never less than a second apart (no jitter).
ROBOTSTXT_OBEY = True
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOAD_DELAY = 1.0
DOWNLOAD_DELAY_JITTER = 0.0

# The site needs neither, and what a page sets must not steer a crawl.
COOKIES_ENABLED = False
METAREFRESH_ENABLED = False

# Bytes from the network are hostile: the heaviest page known has 60 KB.
DOWNLOAD_MAXSIZE = 8 * 1024 * 1024
DOWNLOAD_TIMEOUT = 60
REDIRECT_MAX_TIMES = 5
# Scrapy's default knows no IPv6.
TWISTED_DNS_RESOLVER = "scrapy.resolver.CachingHostnameResolver"
# A record is to be provable: Scrapy takes any certificate.
DOWNLOAD_VERIFY_CERTIFICATES = True

# Every 5xx: those of the networks before a site are as passing as those of the site.
RETRY_HTTP_CODES = [408, 429, *range(500, 600)]
# Before others, after its back-off: a site that fails throughout is to show it early.
RETRY_PRIORITY_ADJUST = 1

# Nothing of ours listens: both execute what they are sent.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False

# A page gives one item at the most; a hundred tasks for each page cost a fifth of the time.
CONCURRENT_ITEMS = 1
# Parses each callback's source at every response; a linter does that once.
WARN_ON_GENERATOR_RETURN_VALUE = False

DOWNLOADER_MIDDLEWARES = {
    # Before all: what a page in a browser asks for passes through the rest, one by one.
    "kcnacrawl.downloadermiddlewares.render.RenderMiddleware": 5,
    # Before robots.txt is asked for: what leaves the site is not even that.
    "kcnacrawl.downloadermiddlewares.offsite.OffsiteMiddleware": 10,
    # Ours do more, in the places of Scrapy's own.
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "kcnacrawl.downloadermiddlewares.robots.RobotsMiddleware": 100,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "kcnacrawl.downloadermiddlewares.retry.BackoffRetry": 550,
    "kcnacrawl.downloadermiddlewares.retry_after.RetryAfter": 560,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "kcnacrawl.downloadermiddlewares.compression.StrictCompression": 590,
    # Behind all that may answer or refuse by itself: what takes a turn is sent.
    "kcnacrawl.downloadermiddlewares.take_turns.TakeTurns": 940,
    # Nearest the network: what is kept is what came.
    "kcnacrawl.downloadermiddlewares.capture.Capture": 950,
}
ITEM_PIPELINES = {
    "kcnacrawl.pipelines.normalise.NormalisePipeline": 100,
    "kcnacrawl.pipelines.deduplicate.DeduplicatePipeline": 200,
    "kcnacrawl.pipelines.select.SelectPipeline": 300,
    "kcnacrawl.pipelines.archive.ArchivePipeline": 400,
}
EXTENSIONS = {
    "kcnacrawl.extensions.crawl_delay.CrawlDelay": 0,
    "kcnacrawl.extensions.report.Report": 100,
    "kcnacrawl.extensions.progress.Progress": 200,
    # Progress says it in the terms of this project.
    "scrapy.extensions.logstats.LogStats": None,
}

# Cron wants lines that say something; -L DEBUG shows every request.
LOG_LEVEL = "INFO"
LOG_VERSIONS: list[str] = []
LOG_FORMATTER = "kcnacrawl.logformatter.LogFormatter"
# The run's report holds them.
STATS_DUMP = False
LOGSTATS_INTERVAL = 60.0

# Korean as Korean in -o files. A spreadsheet asks for utf-8-sig.
FEED_EXPORT_ENCODING = "utf-8"
# Scrapy's writes characters that no XML may hold.
FEED_EXPORTERS = {"xml": "kcnacrawl.exporters.XmlExporter"}
