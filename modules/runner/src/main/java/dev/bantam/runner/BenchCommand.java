package dev.bantam.runner;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/**
 * {@code bantam bench}, as far as the product knows it: its name. The launcher starts the module of
 * the benchmarks, which the product does not depend on, before it gets here.
 */
@Command(
    name = "bench",
    description = "Measure speed against ONNX Runtime and other peers; see bench --help.")
final class BenchCommand implements Callable<Integer> {
  @Unmatched private List<String> ignored;

  @Override
  public Integer call() {
    throw Main.usage(
        "The benchmarks are a program of their own, started by the launcher with 'bench' as the"
            + " first argument: ./bantam bench --help.");
  }
}
