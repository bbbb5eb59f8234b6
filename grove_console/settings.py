"""Settings of Grove Console; every one that an installation may want to set comes from the environment."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from grove_console import environment as parse
from grove_console.log import without_traceback_of_refusals

BASE_DIR = Path(__file__).resolve().parent.parent
_values = parse.load(BASE_DIR / ".env")

DEBUG = parse.read(_values, "DEBUG", parse.boolean, False)
SECRET_KEY = _values.get("SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Put a long random value into the environment or .env "
            "(python3 -c 'import secrets; print(secrets.token_urlsafe(64))' prints one), "
            "or set DEBUG=1 to try things out."
        )
    SECRET_KEY = "for-trying-out-only-never-used-without-DEBUG"
_local: list[str] = ["localhost", "127.0.0.1", "[::1]"] if DEBUG else []
ALLOWED_HOSTS = parse.read(_values, "ALLOWED_HOSTS", parse.names, _local)
CSRF_TRUSTED_ORIGINS: list[str] = parse.read(_values, "CSRF_TRUSTED_ORIGINS", parse.origins, [])

# --- Advancement ---------------------------------------------------------------------------------
ADVANCEMENT_FROM_TIERS = parse.read(_values, "ADVANCEMENT_FROM_TIERS", parse.tiers, ["sprout"])
ADVANCEMENT_BATCH_SIZE = parse.read(_values, "ADVANCEMENT_BATCH_SIZE", parse.whole_number(1, 100_000), 100)
_nightly: str | None = "0 2 * * *"
ADVANCEMENT_CRON = parse.read(_values, "ADVANCEMENT_CRON", parse.daily_cron, _nightly)
ADVANCEMENT_MAX_SHARE = parse.read(_values, "ADVANCEMENT_MAX_SHARE", parse.share, 0.5)
ADVANCEMENT_MAX_MOVES: int | None = parse.read(_values, "ADVANCEMENT_MAX_MOVES", parse.optional_limit, None)
ADVANCEMENT_MAX_SIGNAL_AGE = parse.read(
    _values, "ADVANCEMENT_MAX_SIGNAL_AGE", parse.duration, parse.duration("48h")
)
# Whether whoever wrote a draft may activate it, too; with it off, somebody else has to.
ADVANCEMENT_APPROVE_OWN = parse.read(_values, "ADVANCEMENT_APPROVE_OWN", parse.boolean, False)
# How long a worker that no longer reports is waited for before another takes its run over.
ADVANCEMENT_LEASE = parse.read(_values, "ADVANCEMENT_LEASE", parse.lease, parse.duration("2m"))

# Whether /badge/ shows anybody who knows a sprout's id in which tier it is and why.
BADGES = parse.read(_values, "BADGES", parse.boolean, True)

# --- Notifications -------------------------------------------------------------------------------
# The base of links in messages; without it they name a run without a link.
CONSOLE_URL = parse.read(_values, "CONSOLE_URL", parse.base_address, "")
_nobody: list[str] = []
NOTIFY_EMAILS = parse.read(_values, "NOTIFY_EMAILS", parse.mail_addresses, _nobody)
if NOTIFY_EMAILS and not DEBUG and "EMAIL_URL" not in _values:
    raise ImproperlyConfigured(
        "NOTIFY_EMAILS is set, and EMAIL_URL is not. Name the mail server in EMAIL_URL, "
        "as in smtp+tls://user:password@mail.example.org:587, or leave NOTIFY_EMAILS empty."
    )
_mail: dict[str, Any] = parse.read(
    _values,
    "EMAIL_URL",
    parse.mail_server,
    parse.mail_server("consolemail://" if DEBUG else "dummymail://"),
    secret=True,
)
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"]
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS", False))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL", False))
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"] or None
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = parse.read(_values, "DEFAULT_FROM_EMAIL", parse.sender, "grove-console@localhost")
NOTIFY_WEBHOOK_URL = parse.read(_values, "NOTIFY_WEBHOOK_URL", parse.webhook_address, "", secret=True)
NOTIFY_WEBHOOK_SECRET = _values.get("NOTIFY_WEBHOOK_SECRET", "")
if NOTIFY_WEBHOOK_URL and not NOTIFY_WEBHOOK_SECRET:
    raise ImproperlyConfigured(
        "NOTIFY_WEBHOOK_URL is set, and NOTIFY_WEBHOOK_SECRET is not. Put a long random value there, "
        "with which the receiver checks the signature, or leave NOTIFY_WEBHOOK_URL empty."
    )
# For a receiver in one's own network; otherwise only public addresses are connected to.
NOTIFY_WEBHOOK_ALLOW_PRIVATE = parse.read(_values, "NOTIFY_WEBHOOK_ALLOW_PRIVATE", parse.boolean, False)

# --- Database ------------------------------------------------------------------------------------
DATABASE_TRANSACTION_POOLER = parse.read(_values, "DATABASE_TRANSACTION_POOLER", parse.boolean, False)
_database: dict[str, Any] = parse.read(
    _values,
    "DATABASE_URL",
    parse.database,
    {"ENGINE": "django.db.backends.sqlite3", "NAME": str(BASE_DIR / "grove.sqlite3")},
)
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["ENGINE"] = "advancement.database.sqlite"
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
    } | _database.get("OPTIONS", {})
    _database["TEST"] = {"NAME": str(BASE_DIR / ".cache" / "test.sqlite3")}
else:
    _database |= {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": DATABASE_TRANSACTION_POOLER,
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Django --------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "django_q",
    "advancement",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "grove_console.middleware.KeepPrivate",
    "csp.middleware.CSPMiddleware",
    # What it refuses is answered with a page as well, so it stands behind those that protect pages.
    "grove_console.middleware.RefuseNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "grove_console.middleware.LocalTime",
    "grove_console.middleware.ErrorPages",
]
ROOT_URLCONF = "grove_console.urls"
WSGI_APPLICATION = "grove_console.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "advancement.views.shell.console",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "console:dashboard"
CSRF_FAILURE_VIEW = "advancement.views.errors.csrf_failure"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["grove_console.formats"]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# The guide is read in the console as well.
STATICFILES_DIRS = [("pictures", BASE_DIR / "docs" / "pictures")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

# The clusters keep their heartbeat in the cache, so it must be shared between processes.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache_entries"},
    # Each process's own, for what may be a minute old and is quicker made again than looked up.
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

# --- Security ------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Security, outside DEBUG ---------------------------------------------------------------------
if not DEBUG:
    if parse.read(_values, "BEHIND_HTTPS_PROXY", parse.boolean, False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # One switch for all of it: cookies that only travel by HTTPS make no sense on a site without.
    if parse.read(_values, "HTTPS_ONLY", parse.boolean, True):
        SECURE_SSL_REDIRECT = True
        SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
        SECURE_HSTS_SECONDS = 31_536_000
        SECURE_HSTS_INCLUDE_SUBDOMAINS = True
        SECURE_HSTS_PRELOAD = True
        SESSION_COOKIE_SECURE = True
        CSRF_COOKIE_SECURE = True

# --- Task clusters -------------------------------------------------------------------------------
# `control` wakes up every minute and must stay quick; `runs` does the long work; `notifications` talks
# to receivers that may be slow or dead. Redelivery comes `retry` seconds after a task was fetched, so
# retry must exceed timeout × (1 + ceil((queue_limit + 1) / workers)).
_LONGEST_RUN = 4 * 3600
Q_CLUSTER: dict[str, Any] = {
    "name": "control",
    "orm": "default",
    "workers": 1,
    "timeout": 60,
    "retry": 240,
    "queue_limit": 1,
    "bulk": 1,
    "ack_failures": True,
    "max_attempts": 3,
    "catch_up": False,
    "time_zone": "UTC",
    "save_limit": 0,
    "poll": 0.5,
    "recycle": 100,
    "guard_cycle": 0.5,
    "cache": "default",
    "label": "Task clusters",
    "ALT_CLUSTERS": {
        "runs": {"timeout": _LONGEST_RUN, "retry": 4 * _LONGEST_RUN, "max_attempts": 1},
        "notifications": {"timeout": 60, "retry": 240, "max_attempts": 1},
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {
        "refusals": {
            "()": "django.utils.log.CallbackFilter",
            "callback": without_traceback_of_refusals,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals"]}},
    "loggers": {
        "advancement": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # In place of Django's own handlers, which would say everything a second time.
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
}
