"""Run the chapters, keep what made each result, build the pages."""
