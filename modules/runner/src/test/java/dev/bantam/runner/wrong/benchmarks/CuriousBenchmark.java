package dev.bantam.runner.wrong.benchmarks;

/** A benchmark that the runner knows, on purpose. */
public final class CuriousBenchmark {
  /** Returns a rate. */
  public double rate() {
    return 1;
  }
}
