"""Settings of the door, a section of fastcycle.settings: names that are answered, logins, sessions, TLS."""

from __future__ import annotations

from datetime import timedelta

from fastcycle import env

# Settings that name a file with a secret in it.
SECRET_FILE_NAMES = (
    "SECRET_KEY_FILE",
    "DATABASE_URL_FILE",
    "BINANCE_API_KEY_FILE",
    "BINANCE_API_SECRET_FILE",
)
HOST = env.text("HOST", "127.0.0.1")
ALLOWED_HOSTS = [host for host in env.text("ALLOWED_HOSTS", "*").split(",") if host]
CSRF_TRUSTED_ORIGINS = [origin for origin in env.text("TRUSTED_ORIGINS").split(",") if origin]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Five wrong passwords for a name from an address close this door for a quarter of an hour.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_COOLOFF_MESSAGE = (
    "Too many wrong passwords. Try again in 15 minutes; manage.py axes_reset opens at once."
)
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "Fast-Cycle"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
# Whoever may see rows may export them, and nobody else; blacklists and workers are added by import.
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"
# Hours after a login until the next one is asked for.
SESSION_COOKIE_AGE = env.whole_number("SESSION_HOURS", default=7 * 24, low=1, high=30 * 24) * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Behind a proxy that speaks TLS the site answers, and cookies travel, only there; on a laptop there is none.
BEHIND_TLS = env.is_yes("BEHIND_TLS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
# Asked for from inside, past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if BEHIND_TLS else 0
# Other names under the site's domain, and the browsers' built-in lists, are not ours to decide about.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if not BEHIND_TLS and HOST in ("127.0.0.1", "::1", "localhost"):
    # Nothing leaves the machine, so there is nothing to encrypt; trading.W002 speaks up elsewhere.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
