"""The studio: a local server that shows runs and folders of images on a page, and trains.

    serve.py         the address, the server's life
    application.py   the routes, one room of the API a line
    access.py        who may ask: hosts, origins, the token; what every answer says to the browser
    bounds.py        how much may be asked at a time
    answers.py       values as JSON, errors as one line
    workspace.py     the runs and folders below the paths that the user gave; the only way from a name to a path

The server computes nothing of its own: each route is one call of the library, which is loaded when it is needed.
"""
