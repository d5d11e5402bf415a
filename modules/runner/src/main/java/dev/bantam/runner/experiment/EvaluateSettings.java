package dev.bantam.runner.experiment;

import java.util.Objects;
import java.util.Optional;

/**
 * What is measured of every variant.
 *
 * @param split the rows that metrics are computed on
 * @param latency the shape to time, if any
 */
public record EvaluateSettings(Split split, Optional<Latency> latency) {
  /** A part of a task's rows. */
  public enum Split {
    DEV,
    TUNE,
    TEST
  }

  /**
   * A shape to time.
   *
   * @param batch sentences in one call
   * @param length tokens per sentence
   */
  public record Latency(int batch, int length) {}

  public EvaluateSettings {
    Objects.requireNonNull(split, "split");
    Objects.requireNonNull(latency, "latency");
  }

  static EvaluateSettings read(YamlSettings s) {
    final Split split = s.choice("split", Split.class, Split.DEV);
    final Optional<Latency> latency =
        s.mapping("latency")
            .map(l -> new Latency(l.integer("batch", 1, 4096, 1), l.integer("length", 2, 512, 32)));
    return new EvaluateSettings(split, latency);
  }
}
