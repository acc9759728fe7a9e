"""What ``scrapy NAME`` does beyond Scrapy's own."""
