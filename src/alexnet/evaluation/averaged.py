"""What testing says about one image where it averages several views, beside an answer by one view alone."""

from alexnet.evaluation.views import describe_views
from alexnet.files import shown_name
from alexnet.model.checkpoint import Classifier
from alexnet.records import Prediction

__all__ = ["note_on_views", "one_view"]


def one_view(classifier: Classifier) -> str:
    """The view whose probabilities are shown where one image is followed or changed, in words."""
    return describe_views("centre", classifier.preprocessing)


def note_on_views(classifier: Classifier, prediction: Prediction, shown: str) -> tuple[str, ...]:
    """A note that something is of one view alone, with the averaged prediction; none without other views.

    shown: what is of that view, with its verb.
    """
    if classifier.views == "centre":
        return ()
    averaged = describe_views(classifier.views, classifier.preprocessing)
    return (
        f"{shown} of the {one_view(classifier)}; averaged as in testing ({averaged}), "
        f"the image is {shown_name(prediction.predicted)}, {100 * prediction.probability:.1f} %",
    )
