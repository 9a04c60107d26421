"""Reference data, officers, contracts and the roster from the spreadsheets that people keep."""
