"""The console's files: what a browser gets at `/`. No code of ours but in the browser; `stream.web.pages` serves them.

    index.html   the page; console.css how it looks; icon.svg
    app.js       starts, routes by what is behind #, searches
    overview.js, person.js, compare.js    what one sees
    evidence.js, entries.js, command.js   the picture, lists of what happened, the dialog that sends a command
    api.js, dom.js, words.js              asking the server, making elements, words in two languages
    labels.json  every word; forms.json every command's fields

Rules: plain modules without a build; nothing from another host; no element is made from text that is parsed, so that no
value is ever markup; what was searched for goes in bodies, never in an address.
"""
