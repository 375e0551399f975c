"""What testing says about one image where it averages several views, beside an answer by the center crop alone."""

from alexnet.evaluation.views import DESCRIPTIONS
from alexnet.files import shown_name
from alexnet.model.checkpoint import Classifier
from alexnet.records import Prediction

__all__ = ["CENTER", "note_on_views"]

CENTER = DESCRIPTIONS["centre"]
"""The view whose probabilities are shown where one image is followed or changed."""


def note_on_views(classifier: Classifier, prediction: Prediction, shown: str) -> tuple[str, ...]:
    """A note that something is of the center crop alone, with the averaged prediction; none without other views.

    shown: what is of the center crop, with its verb.
    """
    if classifier.views == "centre":
        return ()
    return (
        f"{shown} of the center crop; averaged as in testing ({DESCRIPTIONS[classifier.views]}), "
        f"the image is {shown_name(prediction.predicted)}, {100 * prediction.probability:.1f} %",
    )
