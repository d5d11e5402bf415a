package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.List;

/** The tasks known by name. */
public final class Tasks {
  private static final List<NamedTask> ALL =
      List.of(
          new NamedTask(
              WordnetSupersense.NAME,
              "which of 14 kinds of thing a dictionary definition describes",
              WordnetSupersense.ARTIFACT,
              WordnetSupersense::open),
          new NamedTask(
              WordnetRetrieval.NAME,
              "to find the definition that an example sentence belongs to; no labels",
              WordnetRetrieval.ARTIFACT,
              WordnetRetrieval::open),
          new NamedTask(
              WordnetKindOf.NAME,
              "whether the second of two dictionary definitions is of a kind that the first belongs to",
              WordnetKindOf.ARTIFACT,
              WordnetKindOf::open),
          new NamedTask(
              WordnetHypernym.NAME,
              "as wordnet-kind-of, where the wrong kind is a sibling of the right one",
              WordnetHypernym.ARTIFACT,
              WordnetHypernym::open),
          new NamedTask(
              LanguageToolMinimalPairs.NAME,
              "whether an English sentence is acceptable",
              LanguageToolMinimalPairs.ARTIFACT,
              LanguageToolMinimalPairs::open));

  private Tasks() {}

  /** All of them, in a fixed order. */
  public static List<NamedTask> all() {
    return ALL;
  }

  /**
   * The task of that name.
   *
   * @throws BantamException ({@link ExitCode#BAD_FILE}) naming the closest task if there is none
   */
  public static NamedTask find(String name) {
    return ALL.stream()
        .filter(t -> t.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new BantamException(
                    ExitCode.BAD_FILE,
                    "Unknown task '"
                        + name
                        + "'."
                        + KnownNames.hint(name, ALL.stream().map(NamedTask::name).toList())
                        + " Your own data go in as {train: a.tsv, dev: b.tsv, text: [column],"
                        + " label: column}, or, without labels, as {embed: texts.txt}."));
  }

  /** Finds a task and opens it. */
  public static Task open(String name, ArtifactResolver resolver) {
    return find(name).open(resolver);
  }
}
