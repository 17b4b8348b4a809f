"""Serves Stripe World: each `/worlds/NAME` is a Stripe account of its own."""

import seahaven.http
from seahaven_stripe_world import world
from seahaven_stripe_world.http_api import handle

seahaven.http.main(world, handle)
