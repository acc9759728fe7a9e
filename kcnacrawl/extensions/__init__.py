"""What goes on beside a crawl: its pace, its progress, its report."""
