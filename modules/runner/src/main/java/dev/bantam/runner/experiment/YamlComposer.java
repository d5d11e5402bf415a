package dev.bantam.runner.experiment;

import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Builds the value tree of one YAML document from SnakeYAML Engine's events.
 *
 * <p>The events are used rather than the engine's own composer because they tell an explicit tag
 * from a resolved one, and an alias from the value it stands for: both are needed to refuse them
 * with a position. Aliases are expanded, so a tree is never shared or cyclic; their growth is
 * bounded by {@link #MAX_VALUES}.
 */
final class YamlComposer {
  /** Largest file; a long experiment file has a few kilobytes. */
  static final int MAX_BYTES = 1 << 20;

  /** Most values of a file after its aliases are expanded. */
  static final int MAX_VALUES = 100_000;

  /** Deepest nesting of lists and mappings. */
  static final int MAX_DEPTH = 50;

  private static final String CORE = "tag:yaml.org,2002:";
  private static final Map<String, Yaml.Kind> SCALAR_TAGS =
      Map.of(
          CORE + "str", Yaml.Kind.TEXT,
          CORE + "int", Yaml.Kind.INTEGER,
          CORE + "float", Yaml.Kind.DECIMAL,
          CORE + "bool", Yaml.Kind.FLAG,
          CORE + "null", Yaml.Kind.NOTHING);

  /** A value that an alias may name, with the number of values in it. */
  private record Anchored(Yaml value, int size) {}

  private final Problems problems;
  private final Iterator<Event> events;
  private final Map<String, Optional<Anchored>> anchors = new HashMap<>();
  private int values;

  private YamlComposer(String text, Problems problems) {
    this.problems = problems;
    this.events = new Parse(LoadSettings.builder().build()).parseString(text).iterator();
  }

  /**
   * The root value of the only document of a UTF-8 file.
   *
   * @throws dev.bantam.tensor.BantamException if the file is too large, not UTF-8 or not YAML
   */
  static Yaml compose(byte[] bytes, Problems problems) {
    if (bytes.length > MAX_BYTES) {
      throw problems.fatal(
          problems.at(1, 1),
          "the file has " + bytes.length + " bytes, but at most " + MAX_BYTES + " are read",
          "Is this the right file? Split it into several experiments if it is.");
    }
    final String text = Utf8.decode(bytes, problems);
    try {
      return new YamlComposer(text, problems).document();
    } catch (MarkedYamlEngineException e) {
      final Position at =
          e.getProblemMark()
              .or(e::getContextMark)
              .map(m -> at(m, problems))
              .orElse(problems.at(1, 1));
      throw problems.fatal(at, "not valid YAML: " + e.getProblem() + during(e), advice(e));
    } catch (YamlEngineException e) {
      throw problems.fatal(problems.at(1, 1), "not valid YAML: " + e.getMessage(), "");
    }
  }

  private static String during(MarkedYamlEngineException e) {
    return e.getContext() == null ? "" : " (" + e.getContext() + ")";
  }

  private static String advice(MarkedYamlEngineException e) {
    return e.getProblem() != null && e.getProblem().contains("TAB")
        ? "Indent with spaces, not with tabs."
        : "";
  }

  private Yaml document() {
    next(); // start of the stream
    if (next().getEventId() == Event.ID.StreamEnd) {
      throw problems.fatal(
          problems.at(1, 1), "the file is empty", "Begin it with the line 'version: 1'.");
    }
    final Yaml root = value(next(), 0);
    next(); // end of the document
    final Event after = next();
    if (after.getEventId() != Event.ID.StreamEnd) {
      throw problems.fatal(
          at(after), "a second document starts here", "Keep one document per file: delete '---'.");
    }
    return root;
  }

  private Event next() {
    return events.next();
  }

  private Yaml value(Event event, int depth) {
    if (event instanceof AliasEvent alias) {
      return expanded(alias);
    }
    count(1, at(event));
    if (depth > MAX_DEPTH) {
      throw problems.fatal(
          at(event), "nested more than " + MAX_DEPTH + " levels deep", "Flatten the file.");
    }
    final Optional<String> anchor = ((NodeEvent) event).getAnchor().map(Object::toString);
    anchor.ifPresent(name -> anchors.put(name, Optional.empty()));
    final int before = values - 1;
    final Yaml value =
        switch (event.getEventId()) {
          case Scalar -> scalar((ScalarEvent) event);
          case SequenceStart -> sequence((CollectionStartEvent) event, depth);
          case MappingStart -> mapping((CollectionStartEvent) event, depth);
          default -> throw new IllegalStateException("no value starts with " + event);
        };
    anchor.ifPresent(name -> anchors.put(name, Optional.of(new Anchored(value, values - before))));
    return value;
  }

  private void count(int more, Position at) {
    values = Math.addExact(values, more);
    if (values > MAX_VALUES) {
      throw problems.fatal(
          at,
          "the file holds more than " + MAX_VALUES + " values once its aliases are expanded",
          "Write the values out instead of nesting aliases.");
    }
  }

  private Yaml expanded(AliasEvent alias) {
    final String name = alias.getAlias().toString();
    final Optional<Anchored> target = anchors.get(name);
    if (target == null) {
      throw problems.fatal(
          at(alias),
          "the alias '*" + name + "' has no anchor '&" + name + "' before it",
          Suggestions.didYouMean(name, anchors.keySet().stream().sorted().toList()).strip());
    }
    if (target.isEmpty()) {
      throw problems.fatal(
          at(alias), "the alias '*" + name + "' stands inside its own value", "Delete it.");
    }
    count(target.get().size(), at(alias));
    return target.get().value();
  }

  private Yaml.Scalar scalar(ScalarEvent event) {
    final String text = event.getValue();
    final Yaml.Kind kind;
    if (event.getTag().isPresent()) {
      kind = SCALAR_TAGS.get(event.getTag().get());
      if (kind == null) {
        throw otherTag(event, event.getTag().get());
      }
      if (kind != Yaml.Kind.TEXT && Yaml.Kind.ofPlain(text) != kind) {
        throw problems.fatal(at(event), "'" + text + "' does not fit its tag", "Delete the tag.");
      }
    } else {
      kind = event.isPlain() ? Yaml.Kind.ofPlain(text) : Yaml.Kind.TEXT;
    }
    return new Yaml.Scalar(at(event), text, kind);
  }

  private Yaml.Sequence sequence(CollectionStartEvent start, int depth) {
    checkTag(start, "seq");
    final List<Yaml> items = new ArrayList<>();
    for (Event e = next(); e.getEventId() != Event.ID.SequenceEnd; e = next()) {
      items.add(value(e, depth + 1));
    }
    return new Yaml.Sequence(at(start), items);
  }

  private Yaml.Mapping mapping(CollectionStartEvent start, int depth) {
    checkTag(start, "map");
    final List<Yaml.Entry> entries = new ArrayList<>();
    final Map<String, Position> seen = new HashMap<>();
    for (Event e = next(); e.getEventId() != Event.ID.MappingEnd; e = next()) {
      final String key = key(e, depth);
      final Position first = seen.putIfAbsent(key, at(e));
      final Yaml value = value(next(), depth + 1);
      if (first == null) {
        entries.add(new Yaml.Entry(key, at(e), value));
      } else {
        problems.add(
            at(e),
            "the key '" + key + "' is written twice, first at " + first,
            "Delete one of the two.");
      }
    }
    return new Yaml.Mapping(at(start), entries);
  }

  private String key(Event event, int depth) {
    if (!(value(event, depth + 1) instanceof Yaml.Scalar key) || key.kind() == Yaml.Kind.NOTHING) {
      throw problems.fatal(at(event), "a key must be a single word", "Write it as 'key: value'.");
    }
    if (key.text().equals("<<") && key.kind() == Yaml.Kind.TEXT) {
      throw problems.fatal(
          at(event),
          "the merge key '<<' is not part of YAML 1.2",
          "Write the keys out, or give a whole value by an alias.");
    }
    return key.text();
  }

  private void checkTag(CollectionStartEvent start, String expected) {
    final Set<String> allowed = Set.of(CORE + expected);
    if (start.getTag().isPresent() && !allowed.contains(start.getTag().get())) {
      throw otherTag(start, start.getTag().get());
    }
  }

  private RuntimeException otherTag(Event event, String tag) {
    return problems.fatal(
        at(event),
        "the tag '" + tag.replace(CORE, "!!") + "' is not allowed",
        "Delete it: experiment files hold plain texts, numbers, lists and mappings.");
  }

  private Position at(Event event) {
    return event.getStartMark().map(m -> at(m, problems)).orElse(problems.at(1, 1));
  }

  private static Position at(Mark mark, Problems problems) {
    return problems.at(mark.getLine() + 1, mark.getColumn() + 1);
  }
}
