"""The bundled training loop: loader, packing, model, loop."""
