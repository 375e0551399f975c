"""The recipe that a training really uses: nothing left open."""

from alexnet.errors import RecipeError
from alexnet.model.variants import get_variant
from alexnet.recipe import Recipe
from alexnet.training.pretrained import Pretrained

__all__ = ["settle_recipe"]


def settle_recipe(recipe: Recipe, pretrained: Pretrained | None) -> Recipe:
    """A recipe with every `auto` replaced; settling it again changes nothing.

    `variant = auto` becomes the network of the run that the weights come from, with its switches, or the variant that
    the weights fit. `normalization = auto` becomes that of the variant's published weights, or `weights`: what the
    network of that run was trained with. The path of the weights becomes absolute.

    Raises:
        RecipeError: `auto` or `weights` without weights, or no such variant.
    """
    if pretrained is not None:
        recipe = recipe.replace(weights=pretrained.source)
    if recipe.variant == "auto":
        if pretrained is None:
            raise RecipeError(
                f"preset {recipe.name} starts from weights: give --weights imagenet, a file or a run folder"
            )
        switches = pretrained.classifier.network.spec.switches if pretrained.classifier else {}
        recipe = recipe.replace(variant=pretrained.variant, **{**switches, **recipe.switches})
    has_own = pretrained is not None and pretrained.classifier is not None
    if recipe.normalization == "auto":
        own = "weights" if has_own else get_variant(recipe.variant).normalization
        recipe = recipe.replace(normalization=own)
    if recipe.normalization == "weights" and not has_own:
        raise RecipeError("normalization = weights needs the weights of a run: give --weights RUN, or choose another")
    return recipe
