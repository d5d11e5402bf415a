package dev.bantam.checkpoint;

/** Receives what a long operation is doing. The command line draws it; libraries may ignore it. */
public interface Progress {
  /** Ignores everything. */
  Progress NONE =
      new Progress() {
        @Override
        public void message(String text) {}

        @Override
        public Bar start(String task, long total, String unit) {
          return new Bar() {
            @Override
            public void advance(long steps) {}

            @Override
            public void close() {}
          };
        }
      };

  /** One line worth knowing, e.g. "Downloading ... (83 MB, Apache-2.0)". */
  void message(String text);

  /**
   * Starts a task whose length is known.
   *
   * @param total number of units, or -1 if unknown
   * @param unit name of a unit, e.g. "batches", "bytes"
   */
  Bar start(String task, long total, String unit);

  /** A running task. */
  interface Bar extends AutoCloseable {
    void advance(long units);

    @Override
    void close();
  }
}
