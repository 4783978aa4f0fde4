"""The one settings module, in titled sections. Every value comes through `fastcycle.env`; times are UTC.

Everything that is written lives in FASTCYCLE_HOME. `settings.VENUE` is read by `trading.bootstrap` and the
start-up checks alone. Nothing here connects, starts or trades.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dj_database_url
from django.urls import reverse_lazy

from fastcycle import env, logs, venue
from fastcycle.beat import BEAT_SCHEDULE
from fastcycle.palette import PRIMARY

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = Path(os.environ.get("FASTCYCLE_ENV_FILE") or BASE_DIR / ".env")
env.load_file(ENV_FILE)

# ---------------------------------------------------------------------------------------------- home

FASTCYCLE_HOME = Path(env.text("FASTCYCLE_HOME", str(BASE_DIR / "var"))).expanduser().resolve()
LOGS_DIR = FASTCYCLE_HOME / "logs"
SECRETS_DIR = FASTCYCLE_HOME / "secrets"
# What `manage.py up` chose (ports, venue), so that `status` and the others speak to the same stack.
RUN_FILE = FASTCYCLE_HOME / "run" / "up.env"
for folder in (FASTCYCLE_HOME, LOGS_DIR, SECRETS_DIR, RUN_FILE.parent):
    env.make_folder(folder, name="FASTCYCLE_HOME")

# ---------------------------------------------------------------------------------------------- venue

VENUE_IS_CONFIGURED = venue.is_configured()
if not VENUE_IS_CONFIGURED and sys.argv[1:2] != ["up"]:
    env.load_file(RUN_FILE)
VENUE = venue.read_venue()
PAPER_PORT = venue.paper_port()
# The user's own limit for all processes together; the venue's limits hold besides.
API_REQUESTS_1M = env.whole_number("API_REQUESTS_PER_MINUTE", default=600, low=60, high=60_000)

# ---------------------------------------------------------------------------------------------- Django

# After the environment is read: logins, sessions, TLS, and which names the site answers to.
from fastcycle.security import *  # noqa: E402, F403 -- a section of these settings, in a file of its own
from fastcycle.security import SECRET_FILE_NAMES  # noqa: E402 -- see above

SECRET_KEY = env.kept_secret("SECRET_KEY", path=SECRETS_DIR / "secret_key")
# Files that hold a secret of this installation; the start-up checks look who may read them.
SECRET_FILES = [
    path
    for path in (
        ENV_FILE,
        *sorted(SECRETS_DIR.glob("*")),
        *(Path(env.text(name)) for name in SECRET_FILE_NAMES if env.text(name)),
        Path(env.text("BINANCE_PRIVATE_KEY_FILE")),
    )
    if path.is_file()
]
DEBUG = False
PORT = env.whole_number("PORT", default=8000, low=1, high=65535)
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    # Its pages are loaded with the routes: only web needs them, and `kill` must not wait for them.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # Ours first: `manage.py export` is our command, not the library's.
    "trading",
    "intelligence",
    "monitoring",
    "import_export",
    "django_celery_beat",
    "channels",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "fastcycle.headers.PolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Pages shrink to a fifth; files were compressed when they were collected.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "fastcycle.early_paint.EarlyPaintMiddleware",
]
ROOT_URLCONF = "fastcycle.urls"
ASGI_APPLICATION = "fastcycle.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---------------------------------------------------------------------------------------------- admin


def _link(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


def _is_dashboard(request: Any) -> bool:
    return bool(request.path == "/")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Fast-Cycle",
    "SITE_HEADER": "Fast-Cycle",
    "SITE_SUBHEADER": "to the dashboard",
    "SITE_URL": "/",
    "SITE_SYMBOL": "autorenew",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/monitoring/icon.svg"}],
    "STYLES": ["/static/monitoring/admin.css"],
    "SCRIPTS": ["/static/monitoring/admin.js"],
    # The dashboard's colour, in steps that keep white on 600 and 500 on dark readable (WCAG AA).
    "COLORS": {"primary": PRIMARY},
    "SHOW_HISTORY": False,
    "LOGIN": {"form": "fastcycle.login.LoginForm"},
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Trading",
                "items": [
                    # Every path begins with its link, so it says itself when it is the page shown.
                    {"title": "Dashboard", "icon": "monitoring", "link": "/", "active": _is_dashboard},
                    {"title": "Why", "icon": "help", "link": "/why/"},
                    {"title": "Analysis", "icon": "query_stats", "link": "/analysis/"},
                    _link("Workers", "precision_manufacturing", "trading_worker"),
                    _link("Trades", "swap_vert", "trading_trade"),
                    _link("Orders", "receipt_long", "trading_order"),
                    _link("Fills", "done_all", "trading_fillrow"),
                    _link("Journal", "history", "trading_journalentry"),
                ],
            },
            {
                "title": "Market and account",
                "separator": True,
                "items": [
                    _link("Blacklist", "block", "trading_blacklistentry"),
                    _link("Instruments", "tune", "trading_instrumentrow"),
                    _link("Balances", "account_balance_wallet", "trading_balance"),
                    _link("Reconcile", "rule", "trading_reconcilerun"),
                    _link("External changes", "input", "trading_externalchange"),
                    _link("Trading state", "power_settings_new", "trading_tradingcontrol"),
                    _link("Limits", "speed", "trading_accountlimit"),
                ],
            },
            {
                "title": "Learning",
                "separator": True,
                "items": [
                    _link("Tuning", "tune", "intelligence_tuning"),
                    _link("Challenges", "compare_arrows", "intelligence_challenge"),
                    _link("Models", "psychology", "intelligence_modelversion"),
                    _link("Runs", "science", "intelligence_run"),
                ],
            },
            {
                "title": "Operations",
                "separator": True,
                "items": [
                    _link("Incidents", "warning", "trading_incident"),
                    _link("Configurations", "settings_backup_restore", "trading_configsnapshot"),
                    _link("Changes", "difference", "trading_configchange"),
                    _link("Stages", "stairs", "trading_rolloutstage"),
                    _link("Rollouts", "rocket_launch", "trading_rollout"),
                ],
            },
            {
                "title": "Watch",
                "separator": True,
                "items": [
                    _link("Alerts", "notifications", "monitoring_alert"),
                    _link("Deliveries", "outgoing_mail", "monitoring_delivery"),
                    _link("Health samples", "ecg_heart", "monitoring_healthsample"),
                    _link("Reports", "summarize", "monitoring_report"),
                    {
                        "title": "Acceptance",
                        "icon": "verified",
                        "link": reverse_lazy("monitoring:acceptance"),
                    },
                ],
            },
            {
                "title": "House",
                "separator": True,
                "collapsible": True,
                "items": [
                    _link("Schedules", "schedule", "django_celery_beat_periodictask"),
                    _link("Users", "person", "auth_user"),
                    _link("Groups", "group", "auth_group"),
                ],
            },
        ],
    },
}

# ---------------------------------------------------------------------------------------------- static files

STATIC_URL = "/static/"
STATIC_ROOT = FASTCYCLE_HOME / "static"
# Fetched by fastcycle/frontend.py; the dashboard says so where it is missing.
CHARTS_DIR = BASE_DIR / "node_modules" / "lightweight-charts" / "dist"
STATICFILES_DIRS: list[Any] = [("charts", CHARTS_DIR)] if CHARTS_DIR.is_dir() else []
# Files of packages that no page of ours needs, and their small stand-ins; found before the packages' own.
STATICFILES_DIRS.append(BASE_DIR / "fastcycle" / "static_instead")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_ROOT = FASTCYCLE_HOME / "media"

# ---------------------------------------------------------------------------------------------- database


def _database() -> dict[str, Any]:
    url = env.secret("DATABASE_URL") or f"sqlite:///{FASTCYCLE_HOME / 'fastcycle.sqlite3'}"
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url))
    except (ValueError, dj_database_url.ParseError) as error:
        raise env.BadSetting("DATABASE_URL must be an address such as postgres://user@host/name") from error
    database["CONN_MAX_AGE"] = None
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {
            # A writer takes the lock when it begins, so that two writers wait instead of failing half way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # Each thread has a connection, and each fills its cache (2 MB by default) as the file grows. It
            # is emptied whenever another one writes; what lies beyond these 128 KB is read from the system's
            # cache. A transaction keeps what it changed until its end, up to 512 pages: written early, it
            # would be written twice.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; "
            "PRAGMA cache_size=-128; PRAGMA cache_spill=512;",
            # Prepared statements that a connection keeps, 10 to 50 KB each; 128 of them are 1 MB a thread.
            "cached_statements": 24,
        }
    else:
        database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}
# What packages load wherever it is installed, and nobody here uses: six megabytes of `web`, for Twisted to
# serve TLS itself and for a protocol of autobahn's.
UNUSED_MODULES = ["OpenSSL", "service_identity", "cbor2"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    UNUSED_MODULES.append("psycopg")  # nine megabytes, by django-unfold
for _unused in UNUSED_MODULES:
    sys.modules.setdefault(_unused, None)  # type: ignore[arg-type]  # None is how an import is refused

# ---------------------------------------------------------------------------------------------- Redis


def _private_socket() -> Path:
    path = FASTCYCLE_HOME / "redis" / "redis.sock"
    if len(os.fsencode(path)) < 100:  # the system's limit for such a path is 104 to 108 bytes
        return path
    digest = hashlib.sha256(os.fsencode(FASTCYCLE_HOME)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"fastcycle-{digest}" / "redis.sock"


REDIS_SOCKET = None if env.text("REDIS_URL") else _private_socket()
REDIS_URL = (
    env.address("REDIS_URL", schemes=("redis", "rediss", "unix"))
    if REDIS_SOCKET is None
    else f"unix://{REDIS_SOCKET}"
)

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "fc:channels"},
    }
}

# ---------------------------------------------------------------------------------------------- Celery


def _broker_url() -> str:
    parts = urlsplit(REDIS_URL)
    if parts.scheme != "unix":
        return REDIS_URL
    return f"redis+socket://{parts.path}?virtual_host={parse_qs(parts.query).get('db', ['0'])[0]}"


CELERY_BROKER_URL = _broker_url()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "fc:celery:",
    "visibility_timeout": 600,  # seconds after which a task that nobody acknowledged is given to another
    "socket_keepalive": True,
    "health_check_interval": 10,
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.5,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "analysis"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_ROUTES = {
    "trading.refresh_instruments": {"queue": "analysis"},
    "trading.review_delistings": {"queue": "analysis"},
    "trading.roll_up": {"queue": "analysis"},
    "trading.*": {"queue": "trading"},
    "monitoring.*": {"queue": "analysis"},
    "intelligence.*": {"queue": "analysis"},
}
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
# Celery would close the thread's database connection before and after every task: a turn would open the file,
# set it up, read its schema and put every statement together anew. Broken ones are looked for instead, see
# trading.management.supervisor.celery_worker.
CELERY_DB_REUSE_MAX = sys.maxsize
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE

# ---------------------------------------------------------------------------------------------- monitoring

# What `run_web` keeps running beside the site.
WATCH = "fastcycle.guard.guarded_watch"
# Health below this for so many seconds halts all workers; an outage that ends by itself may last longer, a
# position that stays bare may not.
HALT_BELOW_HEALTH = env.whole_number("HALT_BELOW_HEALTH", default=70, low=0, high=100)
HALT_AFTER_S = env.whole_number("HALT_AFTER_S", default=60, low=0, high=86_400)
HALT_AFTER_OUTAGE_S = env.whole_number("HALT_AFTER_OUTAGE_S", default=600, low=0, high=86_400)
HALT_AFTER_CRITICAL_S = env.whole_number("HALT_AFTER_CRITICAL_S", default=10, low=0, high=86_400)
# Where alerts and reports go: addresses of Apprise, parted by white space. They contain secrets.
NOTIFY_URLS = env.secret("NOTIFY_URLS")
# How people reach the site, say https://bot.example.org: messages then end with the page to look at.
PUBLIC_URL = env.address("PUBLIC_URL", schemes=("http", "https"))
# Called every minute while all is well; whoever is behind it raises the alarm when the calls end.
PING_URL = env.secret("PING_URL")
# Whoever asks for /metrics must know it; without one the page does not exist.
METRICS_TOKEN = env.secret("METRICS_TOKEN")

# ---------------------------------------------------------------------------------------------- logging

LOG_LEVEL = env.choice("LOG_LEVEL", allowed=("debug", "info", "warning", "error"), default="info").upper()
LOGGING = logs.build_config(folder=LOGS_DIR, process=logs.process_name(sys.argv), level=LOG_LEVEL)
