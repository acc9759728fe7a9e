"""Every exchange with the site, as it was sent and received: WARC 1.1 files, one gzip member a record.

``records`` makes members of an exchange, ``writer`` puts them on disk, ``index`` knows where each is, ``reader`` gives
them back. The index is derived: lost or damaged, it is made anew from the files.
"""
