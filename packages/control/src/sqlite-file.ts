import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import {
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  type SqliteDatabase,
  SqliteDriver,
  type SqliteStatement,
} from "kysely";
import type { Database, Tables } from "./tables.ts";

/** Statements that are kept compiled. There are about 60 different ones; the rest are lists with varying lengths. */
const maxCachedStatements = 200;

/**
 * Opens the database file, creating it when it is not there (`:memory:` for a database that nobody else sees). The caller
 * runs `migrate` next. `destroy()` of the answer closes the file.
 *
 * A committed transaction survives a power cut (`synchronous=FULL` with a write-ahead log).
 * @throws the error of SQLite when the file cannot be opened or is no database.
 */
export function openSqlite(path: string): Database {
  const connection = new DatabaseSync(path);
  connection.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000",
  );
  return new Kysely<Tables>({ dialect: new FairSqliteDialect(adaptConnection(connection)) });
}

/**
 * Kysely's dialect with a queue for its one connection. Kysely's own lock wakes everybody who waits at each release, and
 * whoever is first takes it: with a thousand machines that ask at once most of the time goes there, and the first may be last.
 */
class FairSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new FairSqliteDriver({ database: this.#database });
  }

  override createAdapter(): DialectAdapter {
    return new QueuedAdapter();
  }
}

class QueuedAdapter extends SqliteAdapter {
  /** Said so that Kysely's own lock stays out of the way; there is one connection, and {@link FairSqliteDriver} hands it round. */
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

class FairSqliteDriver extends SqliteDriver {
  #lastInLine: Promise<void> = Promise.resolve();
  #handOn: () => void = () => undefined;

  override async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#lastInLine;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastInLine = promise;
    await before;
    this.#handOn = resolve;
    return super.acquireConnection();
  }

  override releaseConnection(): Promise<void> {
    this.#handOn();
    return Promise.resolve();
  }
}

/** The few methods of better-sqlite3 that Kysely's dialect calls, over `node:sqlite`. */
function adaptConnection(connection: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close(): void {
      statements.clear();
      connection.close();
    },
    prepare(sql: string): SqliteStatement {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = adaptStatement(connection.prepare(sql));
      if (statements.size >= maxCachedStatements) statements.clear();
      statements.set(sql, statement);
      return statement;
    },
  };
}

function adaptStatement(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as readonly SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as readonly SQLInputValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as readonly SQLInputValue[])),
  };
}
