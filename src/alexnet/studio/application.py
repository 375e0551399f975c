"""The application: which module answers which part of the API."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from alexnet.studio import (
    assets,
    break_routes,
    bulk_routes,
    collect_routes,
    compare_files,
    compare_routes,
    corrections_routes,
    data_routes,
    doubts_routes,
    finder_routes,
    home_routes,
    inside_routes,
    kernel_sheet,
    lab_routes,
    list_routes,
    live_route,
    network_images,
    practice_routes,
    question_routes,
    queue_routes,
    removal_routes,
    retrain_routes,
    run_files,
    run_routes,
    shown_image,
    spoil_routes,
    thumbnails,
    train_routes,
    training_progress,
    unit_files,
)
from alexnet.studio.access import Access, Guard
from alexnet.studio.answers import HANDLERS
from alexnet.studio.bounds import Bounds
from alexnet.studio.follow import Followed
from alexnet.studio.workspace import Workspace

__all__ = ["create_application"]

ROUTES: tuple[Sequence[BaseRoute], ...] = (
    assets.ROUTES,
    home_routes.ROUTES,
    finder_routes.ROUTES,
    practice_routes.ROUTES,
    collect_routes.ROUTES,
    thumbnails.ROUTES,
    data_routes.ROUTES,
    doubts_routes.ROUTES,
    corrections_routes.ROUTES,
    bulk_routes.ROUTES,
    spoil_routes.ROUTES,
    list_routes.ROUTES,
    question_routes.ROUTES,
    kernel_sheet.ROUTES,
    train_routes.ROUTES,
    queue_routes.ROUTES,
    retrain_routes.ROUTES,
    live_route.ROUTES,
    training_progress.ROUTES,
    run_routes.ROUTES,
    removal_routes.ROUTES,
    run_files.ROUTES,
    unit_files.ROUTES,
    inside_routes.ROUTES,
    lab_routes.ROUTES,
    network_images.ROUTES,
    shown_image.ROUTES,
    compare_files.ROUTES,
    compare_routes.ROUTES,
    break_routes.ROUTES,
)
"""The routes, a room of the API a line."""


def create_application(workspace: Workspace, access: Access) -> ASGIApp:
    """The studio as an application: the routes, around them the bounds, and around those the guard."""
    app = Starlette(routes=[route for routes in ROUTES for route in routes], exception_handlers=dict(HANDLERS))
    app.state.workspace = workspace
    known: dict[str, Followed] = {}
    app.state.followed = known
    app.state.progress = Followed(lambda: training_progress.training_progress(workspace, known))
    return Guard(Bounds(app), access)
