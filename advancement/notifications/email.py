"""Deliver a message by e-mail, through the mail server that Django's settings name."""

import smtplib
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage

from advancement.notifications.errors import NotConfigured, NotDelivered


def deliver(recipient: str, subject: str, text: str, delivery_id: str) -> None:
    """Send one e-mail to one recipient; raise NotDelivered when the mail server does not take it.

    Its Message-ID is the delivery's, so that many mail programs show a repeated one once.
    """
    if recipient not in settings.NOTIFY_EMAILS:
        raise NotConfigured(f"NOTIFY_EMAILS no longer names {recipient}.")
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    headers = {"Message-ID": f"<{delivery_id}@{domain}>", "Auto-Submitted": "auto-generated"}
    try:
        EmailMessage(subject, text, to=[recipient], headers=headers).send()
    except smtplib.SMTPRecipientsRefused as error:
        code, _ = error.recipients.get(recipient, (0, b""))
        raise NotDelivered(f"The mail server refused {recipient} with code {code}.") from None
    except smtplib.SMTPResponseException as error:
        # The code says enough; the server's words may repeat what it was given.
        raise NotDelivered(f"The mail server answered with code {error.smtp_code}.") from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotDelivered(f"The mail server cannot be talked to: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    # Python's library tells a server that hangs up and one that says nothing by the same name.
    if isinstance(error, TimeoutError | smtplib.SMTPServerDisconnected):
        return "it hung up, or did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return type(error).__name__
