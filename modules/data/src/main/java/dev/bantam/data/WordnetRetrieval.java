package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.data.WordnetFiles.Part;
import dev.bantam.data.WordnetFiles.Synset;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * To find the definition of what a sentence is an example of: query and document are example
 * sentence and definition of a WordNet 3.1 synset. No labels; every query of a split is ranked
 * against all definitions of that split.
 *
 * <p>The rule, with {@code h} of {@link StableHash#fraction}:
 *
 * <ol>
 *   <li>Synsets of the four data files, in the order noun, verb, adj, adv; see {@link
 *       WordnetFiles}.
 *   <li>The query is the first example sentence of at least 4 words, the document the definition. A
 *       synset without either is left out, and so is one whose query or definition an earlier one
 *       that stayed has already, in lower case.
 *   <li>A pair belongs to the training file if {@code h("wr" + lower-cased definition) < 0.8}, to
 *       dev if {@code < 0.9}, else to test, in the order of the files.
 * </ol>
 */
public final class WordnetRetrieval {
  /** Name in experiment files. */
  public static final String NAME = "wordnet-retrieval";

  /** The WordNet 3.1 database files as packed by the extJWNL project. */
  public static final MavenArtifact ARTIFACT = WordnetFiles.ARTIFACT;

  private static final int MIN_WORDS = 4;

  private WordnetRetrieval() {}

  /**
   * Extracts the task from the jar of {@link #ARTIFACT}, whose hash the caller has checked.
   *
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  public static Task open(Path jar) {
    final HashedSplits splits = new HashedSplits();
    for (Example pair : pairs(jar)) {
      splits.add("wr" + pair.pair().toLowerCase(Locale.ROOT), pair);
    }
    if (splits.anyEmpty()) {
      throw WordnetFiles.damaged(jar, "it has only " + splits.size() + " example sentences");
    }
    return new Task(
        NAME,
        TaskKind.RETRIEVAL,
        List.of(),
        Metric.MRR,
        WordnetFiles.PROVENANCE,
        splits.train(),
        splits.dev(),
        splits.test());
  }

  private static List<Example> pairs(Path jar) {
    final List<Example> pairs = new ArrayList<>();
    final Set<String> queries = new HashSet<>();
    final Set<String> definitions = new HashSet<>();
    for (Part part : Part.values()) {
      for (Synset synset : WordnetFiles.read(jar, part)) {
        final Optional<String> query = query(synset);
        final String definition = synset.definition();
        if (query.isEmpty() || definition.isEmpty()) {
          continue;
        }
        final String lowerQuery = query.get().toLowerCase(Locale.ROOT);
        final String lowerDefinition = definition.toLowerCase(Locale.ROOT);
        if (!queries.contains(lowerQuery) && !definitions.contains(lowerDefinition)) {
          queries.add(lowerQuery);
          definitions.add(lowerDefinition);
          pairs.add(Example.unlabelled(query.get(), definition));
        }
      }
    }
    return pairs;
  }

  private static Optional<String> query(Synset synset) {
    return synset.examples().stream().filter(e -> WordnetFiles.words(e) >= MIN_WORDS).findFirst();
  }
}
