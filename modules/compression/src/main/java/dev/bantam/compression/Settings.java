package dev.bantam.compression;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * One mapping of an experiment or recipe file, read key by key.
 *
 * <p>Reading never throws for what the user wrote: a missing, misspelt or out-of-range value is
 * collected as a problem with its line and column, and reading goes on with a harmless value, so
 * that all problems of a file are shown in one go. Keys that nobody read are problems too. Every
 * value read, default or not, is kept for the resolved file.
 *
 * <p>A {@code null} fallback means that the key is required.
 */
public interface Settings {
  /** Whether the user wrote this key. */
  boolean has(String key);

  String text(String key, String fallback);

  /** One of an enum's constants, written in lower case with hyphens. */
  <E extends Enum<E>> E choice(String key, Class<E> type, E fallback);

  /** A whole number in [min, max]. */
  int integer(String key, int min, int max, Integer fallback);

  /**
   * A whole number in [min, max], or {@code word} for "no number", which is also the default: then
   * empty.
   */
  OptionalInt integerOr(String word, String key, int min, int max);

  /** A number in [min, max]; NaN is refused. */
  double number(String key, double min, double max, Double fallback);

  /**
   * A number in [min, max], or {@code word} for "no number": then empty. A source that knows
   * numbers alone has no word.
   *
   * @param fallback a number
   */
  default OptionalDouble numberOr(
      String word, String key, double min, double max, double fallback) {
    return OptionalDouble.of(number(key, min, max, fallback));
  }

  boolean flag(String key, boolean fallback);

  /** One text or a list of texts. */
  List<String> texts(String key, List<String> fallback);

  /** One whole number in [min, max] or a list of different ones. */
  List<Integer> wholeNumbers(String key, int min, int max, List<Integer> fallback);

  /** A nested mapping, empty if the key is absent. */
  Optional<Settings> mapping(String key);

  /** Reports a problem at the value of {@code key} (or at the mapping itself if absent). */
  void problem(String key, String message);
}
