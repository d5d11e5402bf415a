package dev.bantam.data;

import dev.bantam.tensor.Suggestions;
import java.util.List;

/** What a message says to a name that is not known. */
final class KnownNames {
  private static final int SHOWN = 20;

  private KnownNames() {}

  /**
   * Sentences that start with a space: the closest name if one is near, and the names there are.
   */
  static String hint(String given, List<String> known) {
    final String more = known.size() > SHOWN ? ", ... (" + known.size() + " in all)" : "";
    final String list = String.join(", ", known.subList(0, Math.min(SHOWN, known.size()))) + more;
    return " " + Suggestions.didYouMean(given, known) + "There are: " + list + ".";
  }
}
