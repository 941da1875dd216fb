"""The bodies of errors, as basics/errors.md of the API's documents has them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than 2xx. `extra` goes into the one entry of `errors` (parameterName, permissionName)."""

    def __init__(self, status: int, code: str, message: str, *, top: str | None = None, **extra: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "errorCode": top or code,
            "message": message,
            "errors": [{"errorCode": code, "message": message, **extra}],
            **extra,
        }


class OAuthError(Exception):
    """An answer of the token endpoint: RFC 6749 with the API's own codes beside it."""

    def __init__(self, status: int, error: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "error": error,
            "error_description": message,
            "errors": [{"errorCode": code, "message": message}],
        }


def invalid(parameter: str) -> ApiError:
    """400 CMN-101."""
    message = f"Parameter [{parameter}] value is invalid"
    return ApiError(400, "CMN-101", message, parameterName=parameter)


def not_found(parameter: str) -> ApiError:
    """404 CMN-102."""
    message = f"Resource for parameter [{parameter}] is not found"
    return ApiError(404, "CMN-102", message, parameterName=parameter)


def without_app_permission(name: str) -> ApiError:
    """403: the app lacks a permission."""
    message = f"In order to call this API endpoint, application needs to have [{name}] permission"
    return ApiError(403, "CMN-401", message, top="InsufficientPermissions", permissionName=name)


def without_user_permission(name: str) -> ApiError:
    """403: the user lacks a permission."""
    message = f"In order to call this API endpoint, user needs to have [{name}] permission"
    return ApiError(403, "CMN-408", message, top="InsufficientPermissions", permissionName=name)


def rate_exceeded(code: str = "CMN-301", status: int = 429) -> ApiError:
    """429 of the kinds CMN-301 to 304 and 310."""
    messages = {
        "CMN-301": "Request rate exceeded",
        "CMN-302": "Unknown application. Rate limits undefined",
        "CMN-303": "Can not resolve API plan. Rate limits undefined",
        "CMN-304": "Duplicate concurrent request",
        "CMN-310": "Global request rate exceeded",
    }
    return ApiError(status, code, messages[code])
