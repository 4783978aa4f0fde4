"""Routes of the operator's acts, beside the admin. Only POST is answered."""

from __future__ import annotations

from django.urls import path

from trading import views

app_name = "trading"

urlpatterns = [
    path("act/workers/create", views.create_worker, name="create_worker"),
    path("act/workers/<int:worker_id>/<slug:act>", views.act_on_worker, name="worker"),
    path("act/trades/<int:trade_id>/sell", views.sell_trade, name="sell"),
    path("act/trading-state/<slug:state>", views.set_trading_state, name="trading_state"),
    path("act/kill/<slug:level>", views.kill, name="kill"),
]
