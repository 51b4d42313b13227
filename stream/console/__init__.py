"""The console's files: what a browser gets at `/`. No code of ours but in the browser; `stream.web.pages` serves them.

    index.html, icon.svg
    base.css, parts.css, views.css        colours and frame; what views are made of; the views
    app.js                                starts, routes by what is behind #, searches
    overview.js, person.js, compare.js    what one sees; facts.js: what is known of a person, as cards
    evidence.js, entries.js, failed.js    the picture, lists of what happened, what could not be had
    command.js, fields.js                 the dialog that sends a command, and its fields
    api.js, dom.js, words.js              asking the server, making elements, words in two languages
    labels.json, forms.json               every word; every command's fields

Rules: plain modules without a build; nothing from another host; no element is made from text that is parsed, so that no
value is ever markup; what was searched for goes in bodies, never in an address.
"""
