package dev.bantam.runner.experiment;

import dev.bantam.compression.Settings;
import java.util.List;

/**
 * The names that an experiment may use, and how a step is read. The command line gives it, since it
 * alone knows every module.
 *
 * @param <S> a step that was read and checked
 */
public interface Catalogue<S> {
  /** The named tasks. */
  List<String> tasks();

  /** The steps, such as {@code prune}. */
  List<String> steps();

  /**
   * The methods of a step, never empty; the first is the default.
   *
   * @param step one of {@link #steps()}
   */
  List<String> methods(String step);

  /**
   * Reads a step. {@code method} has already been read from {@code settings}. Problems go to the
   * settings, and what is returned then is not used; an {@link IllegalArgumentException} of a
   * record's checks is reported at the step.
   *
   * @param step one of {@link #steps()}
   * @param method one of {@link #methods}
   */
  S parse(String step, String method, Settings settings);
}
