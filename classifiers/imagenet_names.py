"""Names of the 1,000 ImageNet classes, for ConSE (Norouzi et al., arXiv 1312.5650): a picture means the class names it is likely to show.

What a classifier says of a picture it was not trained for ("it is 40 % lorikeet, 30 % macaw") is a point among the names' text
embeddings, and near it lie the names of things no classifier was trained on.
"""

NUM_CLASSES = 1000
TOP = 10  # classes a picture's point is made of


def class_names() -> list[str]:
    """The first name of each class in the classifier's order, as timm carries them."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return [info.index_to_description(i).split(",")[0] for i in range(NUM_CLASSES)]
