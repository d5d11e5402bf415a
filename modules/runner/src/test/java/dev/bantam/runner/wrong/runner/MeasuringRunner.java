package dev.bantam.runner.wrong.runner;

import dev.bantam.runner.wrong.benchmarks.CuriousBenchmark;

/** A runner that knows a benchmark, on purpose. */
public final class MeasuringRunner {
  /** Returns the benchmark's rate. */
  public double run(CuriousBenchmark benchmark) {
    return benchmark.rate();
  }
}
