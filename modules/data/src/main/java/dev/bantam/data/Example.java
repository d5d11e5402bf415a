package dev.bantam.data;

import java.util.List;
import java.util.Objects;

/**
 * One text or pair of texts, labelled or not.
 *
 * @param text the text, or the first of the pair; not blank
 * @param pair the second text, or the empty string where there is none
 * @param label class index; for a multi-label task the set of classes, class i being bit i; -1 for
 *     regression, {@link #UNLABELLED} where there is none
 * @param target the number that a regression should give; NaN for the other kinds, so that a mix-up
 *     cannot go unseen
 * @param tags class index of each word of the text, which single spaces separate; empty for all
 *     kinds but tagging
 */
public record Example(String text, String pair, int label, double target, List<Integer> tags) {
  /** The label of an example that has neither label nor target. */
  public static final int UNLABELLED = -2;

  public Example {
    tags = List.copyOf(tags);
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(pair, "pair");
    if (text.isBlank() || (!pair.isEmpty() && pair.isBlank())) {
      throw new IllegalArgumentException("An example needs a text: '" + text + "', '" + pair + "'");
    }
    if ((label == -1) == Double.isNaN(target)) {
      throw new IllegalArgumentException(
          "An example has either a label or a target, not label " + label + ", target " + target);
    }
    if (!tags.isEmpty() && tags.size() != text.split(" ", -1).length) {
      throw new IllegalArgumentException(tags.size() + " tags for the words of '" + text + "'");
    }
  }

  /** An example without tags. */
  public Example(String text, String pair, int label, double target) {
    this(text, pair, label, target, List.of());
  }

  /** A text whose words have the tags of these numbers. */
  public static Example tagged(List<String> words, List<Integer> tags) {
    return new Example(String.join(" ", words), "", UNLABELLED, Double.NaN, tags);
  }

  /** A single text of class {@code label}, or with that set of classes. */
  public static Example labelled(String text, int label) {
    return new Example(text, "", label, Double.NaN);
  }

  /** A pair of texts of class {@code label}, or with that set of classes. */
  public static Example labelled(String text, String pair, int label) {
    return new Example(text, pair, label, Double.NaN);
  }

  /** A single text that should give {@code target}. */
  public static Example scored(String text, double target) {
    return new Example(text, "", -1, target);
  }

  /** A pair of texts that should give {@code target}. */
  public static Example scored(String text, String pair, double target) {
    return new Example(text, pair, -1, target);
  }

  /** A single text without label. */
  public static Example unlabelled(String text) {
    return new Example(text, "", UNLABELLED, Double.NaN);
  }

  /** A pair of texts without label. */
  public static Example unlabelled(String text, String pair) {
    return new Example(text, pair, UNLABELLED, Double.NaN);
  }

  /** The words of a tagged text. */
  public List<String> words() {
    return List.of(text.split(" ", -1));
  }

  /** Whether there is a second text. */
  public boolean isPair() {
    return !pair.isEmpty();
  }

  /** The text as it enters hashes: both texts of a pair joined by a tab. */
  public String joined() {
    return isPair() ? text + '\t' + pair : text;
  }
}
