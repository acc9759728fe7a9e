"""What is known of the site itself: its addresses, dates, source labels and languages. Pure."""
