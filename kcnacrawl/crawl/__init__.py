"""How a crawl proceeds, whichever spider runs it."""
