"""Security settings in librdkafka's names, translated for the aiokafka that Faust reads with.

The same names configure the producer as they are, so operators learn one vocabulary. What is not understood is refused:
a setting that is silently dropped would connect in plain text, or to anyone.
"""
# ruff: noqa: ANN401 - Faust's types are not followed

import ssl
from collections.abc import Mapping
from typing import Any

from faust.auth import SASLCredentials, SSLCredentials

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SECURITY_PREFIXES = ("security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.")
SSL_SETTINGS = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password")
SASL_SETTINGS = ("sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password")


def credentials(settings: Mapping[str, str]) -> Any:
    """Faust's `broker_credentials` for settings such as `security.protocol`; None for plain text.

    Settings that are not about security, such as a producer's `linger.ms`, are passed over.

    Raises:
        ValueError: One about security is unknown, missing, or has no effect under the protocol. No secret is in the
            message.
    """
    protocol = settings.get("security.protocol", "plaintext").lower()
    secure, authenticated = protocol.endswith("ssl"), protocol.startswith("sasl")
    if protocol not in {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}:
        raise ValueError(f"security.protocol {protocol!r} is not one of plaintext, ssl, sasl_plaintext, sasl_ssl")
    allowed = {"security.protocol", *(SSL_SETTINGS if secure else ()), *(SASL_SETTINGS if authenticated else ())}
    refused = sorted(name for name in settings.keys() - allowed if name.startswith(SECURITY_PREFIXES))
    if refused:
        raise ValueError(f"not understood with security.protocol {protocol}: {', '.join(refused)}")
    context = _ssl_context(settings) if secure else None
    if not authenticated:
        return SSLCredentials(context) if secure else None
    mechanism = settings.get("sasl.mechanism", settings.get("sasl.mechanisms", ""))
    if mechanism not in MECHANISMS:
        raise ValueError(f"sasl.mechanism {mechanism!r} is not one of {', '.join(MECHANISMS)}")
    missing = [name for name in ("sasl.username", "sasl.password") if name not in settings]
    if missing:
        raise ValueError(f"{mechanism} needs {' and '.join(missing)}")
    return SASLCredentials(
        username=settings["sasl.username"],
        password=settings["sasl.password"],
        mechanism=mechanism,
        ssl_context=context,
    )


def _ssl_context(settings: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.get("ssl.ca.location"))
    if "ssl.certificate.location" in settings:
        context.load_cert_chain(
            settings["ssl.certificate.location"],
            settings.get("ssl.key.location"),
            settings.get("ssl.key.password"),
        )
    elif "ssl.key.location" in settings:
        raise ValueError("ssl.key.location needs ssl.certificate.location")
    return context
