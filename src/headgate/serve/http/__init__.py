"""How do requests become answers over HTTP? The ASGI application, its connections and its pages."""
