"""How fast does one server process answer, beside kserve, FastAPI and a server that checks nothing?"""
