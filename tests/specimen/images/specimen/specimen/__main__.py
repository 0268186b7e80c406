"""The program: serve, work, migrate, migrations, enqueue, seed."""

import sys


def main(argv):
    command = argv[0] if argv else "serve"
    if command == "serve":
        from . import web

        return web.serve()
    if command == "work":
        from . import worker

        return worker.work()
    if command == "migrate":
        from . import migrate

        return migrate.migrate()
    if command == "migrations":
        from . import migrate

        for version, name, _ in migrate.known():
            print(f"{version} {name}")
        return 0
    if command == "enqueue":
        from . import worker

        return worker.enqueue_and_wait(argv[1], float(argv[2]) if len(argv) > 2 else 10.0)
    if command == "seed":
        from . import seed

        return seed.seed()
    print(f"unknown command {command}", file=sys.stderr)
    return 2


sys.exit(main(sys.argv[1:]))
