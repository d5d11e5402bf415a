package dev.bantam.runner.run;

import dev.bantam.checkpoint.NamePattern;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * A part of the cells of an experiment, for example {@code task=wordnet-supersense,seed=1}: those
 * for which every condition of any of the texts holds. Values are names, patterns with {@code *},
 * or {@code re:} and a regular expression.
 *
 * @param texts as they were written, at least one
 */
public record Selection(List<String> texts) {
  private enum Key {
    MODEL(cell -> cell.subject().model().name()),
    TASK(cell -> cell.subject().task().name()),
    VARIANT(cell -> cell.variant().name()),
    SEED(cell -> Long.toString(cell.seed())),
    DRAW(cell -> Integer.toString(cell.draw()));

    private final Function<Cell, String> value;

    Key(Function<Cell, String> value) {
      this.value = value;
    }

    private String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public Selection {
    texts = List.copyOf(texts);
    texts.forEach(Selection::conditions);
  }

  /**
   * The selected ones of some cells, in their order.
   *
   * @throws BantamException (usage) if there are none, with what there is
   */
  List<Cell> of(List<Cell> cells) {
    final List<Map<Key, NamePattern>> any = texts.stream().map(Selection::conditions).toList();
    final List<Cell> selected =
        cells.stream().filter(cell -> any.stream().anyMatch(c -> holds(c, cell))).toList();
    if (selected.isEmpty()) {
      throw usage("--only " + String.join(" --only ", texts) + " selects no cell" + choices(cells));
    }
    return selected;
  }

  private static boolean holds(Map<Key, NamePattern> conditions, Cell cell) {
    return conditions.entrySet().stream()
        .allMatch(c -> c.getValue().matches(c.getKey().value.apply(cell)));
  }

  private static Map<Key, NamePattern> conditions(String text) {
    final Map<Key, NamePattern> conditions = new LinkedHashMap<>();
    for (String condition : text.split(",", -1)) {
      final int equals = condition.indexOf('=');
      if (equals < 1 || equals == condition.length() - 1) {
        throw usage(
            "--only '"
                + text
                + "': '"
                + condition
                + "' is no condition. Write for example --only 'variant=rtn-*,seed=1'");
      }
      if (conditions.put(key(condition.substring(0, equals)), pattern(condition, equals)) != null) {
        throw usage(
            "--only '"
                + text
                + "' names '"
                + condition.substring(0, equals)
                + "' twice, and both would have to hold. Give --only twice");
      }
    }
    return conditions;
  }

  private static NamePattern pattern(String condition, int equals) {
    try {
      return NamePattern.of(condition.substring(equals + 1));
    } catch (IllegalArgumentException e) {
      throw usage("--only '" + condition + "': " + e.getMessage());
    }
  }

  private static Key key(String word) {
    final List<String> words = new ArrayList<>();
    for (Key key : Key.values()) {
      if (key.word().equals(word)) {
        return key;
      }
      words.add(key.word());
    }
    throw usage(
        "--only does not know '"
            + word
            + "'. "
            + Suggestions.didYouMean(word, words)
            + "Possible: "
            + String.join(", ", words));
  }

  private static String choices(List<Cell> cells) {
    final StringBuilder text = new StringBuilder();
    for (Key key : Key.values()) {
      text.append("\n  ").append(key.word()).append(": ");
      text.append(String.join(", ", cells.stream().map(key.value).distinct().limit(20).toList()));
    }
    return ". There are" + text;
  }

  private static BantamException usage(String message) {
    return new BantamException(ExitCode.USAGE, message + ".");
  }
}
