#!/usr/bin/env python3
"""CoreQC's command line; without DJANGO_SETTINGS_MODULE it works on the embedded shape under var/."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreqc.settings.development")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
