"""The methods of the Web API, by name."""

from bot.lab.slack.methods import chat, conversations, files, people, views
from bot.lab.slack.methods.call import Method

METHODS: dict[str, Method] = {
    **people.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **views.METHODS,
}
