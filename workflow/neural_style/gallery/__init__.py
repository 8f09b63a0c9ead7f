"""The gallery: one page to look through the results of a sweep. Free of torch.

`entries` gathers what is known about each picture, `pictures` makes the small copies that the page
shows, and `page` writes it.
"""
