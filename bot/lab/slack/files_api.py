"""Files over HTTP: taken from the bot, shown on the page."""

from flask import Blueprint, Response, abort, request

from bot.lab.slack.page import Guard
from bot.lab.slack.workspace import Workspace

SHOWN = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
"""What a browser may show in place; everything else is saved."""


def build(workspace: Workspace, guard: Guard) -> Blueprint:
    """Make the routes of the files."""
    routes = Blueprint("files", __name__)

    @routes.post("/upload/v1/<key>")
    def take(key: str) -> Response:
        file = next((file for file in workspace.files.values() if file.key == key), None)
        if file is None or file.data is not None:
            return Response("no_such_upload", 404)
        # Read first: what comes as a form without being one would be gone.
        data = request.get_data()
        sent = next(iter(request.files.values()), None)
        data = sent.read() if sent else data
        if len(data) != file.length:
            workspace.problems.append(f"upload of {file.name}: {len(data)} bytes, announced {file.length}")
            return Response("wrong_length", 400)
        file.data = data
        return Response(f"OK - {len(data)}")

    @routes.get("/files/<file_id>/<_name>")
    def show(file_id: str, _name: str) -> Response:
        guard.check_host()
        guard.check_origin()
        file = workspace.files.get(file_id)
        if file is None or file.data is None or not file.channel:
            abort(404)
        response = Response(file.data, mimetype=file.media_type)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        if file.media_type not in SHOWN:
            response.headers["Content-Disposition"] = "attachment"
        return response

    return routes
