"""The paper while it is written: it is made anew when something of it was saved, and shown in the browser.

``making`` makes it, ``watch`` sees that something was saved, ``board`` holds what there is to see, ``server`` shows it.
"""
