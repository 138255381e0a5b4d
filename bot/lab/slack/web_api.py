"""The Web API and response_url over HTTP."""

import json
import socket
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

from bot.lab.slack.board import Json, Message
from bot.lab.slack.faults import Faults
from bot.lab.slack.methods import METHODS
from bot.lab.slack.methods.call import Call, RefusedError
from bot.lab.slack.methods.chat import checked_blocks
from bot.lab.slack.team import BOT_ID
from bot.lab.slack.workspace import RESPONSE_URL_USES, ResponseUrl, Workspace

APP_TOKEN_METHODS = frozenset({"apps.connections.open"})
NO_PROBLEM = frozenset({"not_authed", "invalid_auth"})
"""Errors that say nothing about the shape of what was sent."""


def build(workspace: Workspace, faults: Faults) -> Blueprint:
    """Make the routes of the Web API and of response_url."""
    routes = Blueprint("web_api", __name__)

    @routes.route("/api/<method>", methods=["GET", "POST"])
    def call(method: str) -> Response:
        fault = faults.disturb(method)
        if fault and fault.then == "answer":
            return Response(fault.body, fault.status, fault.headers)
        answer = Response() if fault and fault.then == "hang up" else _answer(workspace, method, _arguments())
        if fault and fault.then != "go on":
            _hang_up()
        if method not in APP_TOKEN_METHODS:
            answer.headers["X-OAuth-Scopes"] = ",".join(sorted(workspace.scopes))
        return answer

    @routes.post("/<any(commands, actions):_kind>/<team>/<key>")
    def respond(_kind: str, team: str, key: str) -> Response:
        if team != workspace.team.id or key not in workspace.response_urls:
            return Response("no_team", 404)
        return _respond(workspace, workspace.response_urls[key], _arguments())

    return routes


def _hang_up() -> None:
    """Close the connection, so that no answer arrives."""
    with suppress(OSError):
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


def _answer(workspace: Workspace, method: str, arguments: Json) -> Response:
    try:
        _check_token(workspace, method, arguments)
        wait = workspace.pace.admit(method, str(arguments.get("channel", "")))
        if wait:
            return _slow_down(wait)
        act = METHODS.get(method, _refuse_unknown)
        return jsonify({"ok": True, **act(Call(method, workspace, arguments))})
    except RefusedError as refused:
        return jsonify(_refuse(workspace, method, refused))


def _slow_down(seconds: int) -> Response:
    answer = jsonify({"ok": False, "error": "ratelimited"})
    answer.status_code = HTTPStatus.TOO_MANY_REQUESTS
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _refuse_unknown(_call: Call) -> Json:
    raise RefusedError("unknown_method")


def _refuse(workspace: Workspace, method: str, refused: RefusedError) -> Json:
    if refused.error not in NO_PROBLEM:
        workspace.problems.append(": ".join([method, refused.error, *refused.details]))
    answer: Json = {"ok": False, "error": refused.error}
    if refused.details:
        messages = [f"[ERROR] {detail}" for detail in refused.details]
        answer |= {"errors": refused.details, "response_metadata": {"messages": messages}}
    return answer


def _check_token(workspace: Workspace, method: str, arguments: Json) -> None:
    header = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = header or str(arguments.get("token", ""))
    if not token:
        raise RefusedError("not_authed")
    if token not in {workspace.bot_token, workspace.app_token}:
        raise RefusedError("invalid_auth")
    if (token == workspace.app_token) != (method in APP_TOKEN_METHODS):
        raise RefusedError("not_allowed_token_type")


def _arguments() -> Json:
    """Collect the arguments from query, form and JSON body alike."""
    body = request.get_json(silent=True) if request.is_json else None
    return {**request.args, **request.form, **(body if isinstance(body, dict) else {})}


def _respond(workspace: Workspace, address: ResponseUrl, body: Json) -> Response:
    address.uses += 1
    if address.expired or address.uses > RESPONSE_URL_USES:
        error = "expired_url" if address.expired else "used_url"
        workspace.problems.append(f"response_url: {error}")
        return Response(error, 404)
    try:
        answer_at(workspace, address, body)
    except RefusedError as refused:
        return Response(json.dumps(_refuse(workspace, "response_url", refused)), 400)
    return Response("ok")


def answer_at(workspace: Workspace, address: ResponseUrl, body: Json) -> None:
    """Show what the bot answers to an interaction: new, in place of the original, or the original gone."""
    original = workspace.board.find(address.channel, address.original or "")
    if body.get("delete_original"):
        if original:
            workspace.board.remove(original)
        return
    text = str(body.get("text") or "")
    answer = Message(
        channel=address.channel, user=BOT_ID, text=text, blocks=checked_blocks(text, body.get("blocks"))
    )
    if body.get("replace_original") and original:
        workspace.board.change(replace(original, text=text, blocks=answer.blocks, edited=True))
        return
    private = body.get("response_type", "ephemeral") != "in_channel"
    thread = body.get("thread_ts")
    workspace.board.post(replace(answer, ephemeral_for=address.user if private else None, thread_ts=thread))
