package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import javax.xml.XMLConstants;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.parsers.SAXParser;
import javax.xml.parsers.SAXParserFactory;
import org.xml.sax.Attributes;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.helpers.DefaultHandler;

/**
 * The corrected example sentences in the English rule files of LanguageTool.
 *
 * <p>A rule file holds {@code category} elements, these {@code rule} elements or {@code rulegroup}
 * elements of such, and a rule has {@code example} elements. An example with an attribute {@code
 * correction} is wrong where its {@code marker} is; the attribute lists what may stand there
 * instead, separated by {@code |}.
 */
final class LanguageToolRules {
  static final MavenArtifact ARTIFACT =
      new MavenArtifact(
          "org.languagetool:language-en:6.6",
          "3b21ae7b18133dc53c5aefbd97130155bce2bcbed43b8b02cf27813587cca96b",
          2_860_736L,
          "LGPL-2.1-or-later");

  static final Provenance PROVENANCE =
      new Provenance(
          ARTIFACT.coordinates(),
          ARTIFACT.licence(),
          "Example sentences of the English rules of LanguageTool, Copyright 2001-2023 Daniel Naber,"
              + " Marcin Miłkowski, and the LanguageTool contributors. https://languagetool.org");

  private static final String FOLDER = "org/languagetool/rules/en/";
  private static final List<String> FILES = List.of("grammar.xml", "style.xml");
  private static final Pattern WHITE_SPACE =
      Pattern.compile(
          "\\s+", Pattern.UNICODE_CHARACTER_CLASS); // some sentences have no-break spaces
  private static final String REFETCH = " Delete the file, so that it is fetched again.";

  /**
   * Limits of the JDK's parser that the entities of grammar.xml exceed on recent JDKs: 0 lifts
   * them. The bytes that are parsed are those whose SHA-256 is pinned.
   */
  private static final List<String> ENTITY_LIMITS =
      List.of(
          "jdk.xml.totalEntitySizeLimit",
          "jdk.xml.maxGeneralEntitySizeLimit",
          "jdk.xml.entityExpansionLimit");

  private LanguageToolRules() {}

  /**
   * A sentence with what is wrong in it.
   *
   * @param category id of the category of its rule
   * @param rule id of its rule group, or of its rule where that is in no group
   * @param before what stands before the marked part
   * @param marked the wrong part; may be empty, where something is missing
   * @param after what stands behind it
   * @param correction what should stand in its place, the first of what the rule offers; may be
   *     empty, where the part should go
   */
  record Correction(
      String category, String rule, String before, String marked, String after, String correction) {
    /** The sentence as it should not be, white space squeezed. */
    String wrong() {
      return squeezed(before + marked + after);
    }

    /** The sentence with the correction, white space squeezed. */
    String right() {
      return squeezed(before + correction + after);
    }

    private static String squeezed(String text) {
      return WHITE_SPACE.matcher(text).replaceAll(" ").strip();
    }
  }

  /**
   * The corrected examples of {@code grammar.xml}, then those of {@code style.xml}, in the order of
   * the files. Examples of type {@code triggers_error} are left out: there the rule is known to be
   * mistaken.
   *
   * @param jar the jar of {@link #ARTIFACT}, whose hash the caller has checked
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  static List<Correction> read(Path jar) {
    final List<Correction> corrections = new ArrayList<>();
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      for (String file : FILES) {
        final ZipEntry entry = zip.getEntry(FOLDER + file);
        if (entry == null) {
          throw damaged(jar, "entry " + FOLDER + file + " is missing");
        }
        try (InputStream in = zip.getInputStream(entry)) {
          parser().parse(new InputSource(in), new Handler(corrections));
        } catch (SAXException e) {
          throw damaged(jar, FOLDER + file + " is no rule file: " + e.getMessage());
        }
      }
    } catch (IOException e) {
      throw BantamException.badInput(
          "Cannot read " + jar + " (" + ARTIFACT.coordinates() + "): " + e.getMessage() + REFETCH,
          e);
    }
    return corrections;
  }

  static BantamException damaged(Path jar, String what) {
    return BantamException.badInput(
        jar + " is not the jar of " + ARTIFACT.coordinates() + ": " + what + "." + REFETCH);
  }

  private static SAXParser parser() {
    try {
      final SAXParser parser = SAXParserFactory.newDefaultInstance().newSAXParser();
      parser.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
      for (String limit : ENTITY_LIMITS) {
        parser.setProperty(limit, "0");
      }
      return parser;
    } catch (ParserConfigurationException | SAXException e) {
      throw new IllegalStateException("The JDK's XML parser lacks a property it should have", e);
    }
  }

  /** Collects examples; an error in the document ends the parse. */
  private static final class Handler extends DefaultHandler {
    private static final String EXAMPLE = "example";
    private static final String MARKER = "marker";
    private static final String GROUP = "rulegroup";

    private final List<Correction> corrections;
    private String category = "";
    private String group;
    private String rule;
    private String correction; // null outside of an example that has one
    private List<StringBuilder> parts = List.of(); // before, marked, after
    private int part;

    Handler(List<Correction> corrections) {
      this.corrections = corrections;
    }

    @Override
    public void startElement(String uri, String local, String name, Attributes attributes)
        throws SAXException {
      switch (name) {
        case "category" -> category = attributes.getValue("id");
        case GROUP -> group = attributes.getValue("id");
        case "rule" -> rule = attributes.getValue("id");
        case EXAMPLE -> startExample(attributes);
        case MARKER -> nextPart(0);
        default -> {}
      }
    }

    @Override
    public void characters(char[] text, int start, int length) {
      if (correction != null) {
        parts.get(part).append(text, start, length);
      }
    }

    @Override
    public void endElement(String uri, String local, String name) throws SAXException {
      switch (name) {
        case GROUP -> group = null;
        case MARKER -> nextPart(1);
        case EXAMPLE -> endExample();
        default -> {}
      }
    }

    private void startExample(Attributes attributes) {
      correction =
          "triggers_error".equals(attributes.getValue("type"))
              ? null
              : attributes.getValue("correction");
      parts = List.of(new StringBuilder(), new StringBuilder(), new StringBuilder());
      part = 0;
    }

    /** A marker begins behind part 0 and ends part 1; rules have markers of their own. */
    private void nextPart(int expected) throws SAXException {
      if (correction == null) {
        return;
      }
      if (part != expected) {
        throw new SAXException("an example of rule " + id() + " has two markers");
      }
      part++;
    }

    private void endExample() throws SAXException {
      if (correction == null) {
        return;
      }
      if (part != 2 || id() == null || category == null) {
        throw new SAXException("an example of rule " + id() + " has no marker, rule or category");
      }
      final String first = correction.split("\\|", -1)[0];
      corrections.add(
          new Correction(
              category,
              id(),
              parts.get(0).toString(),
              parts.get(1).toString(),
              parts.get(2).toString(),
              first));
      correction = null;
    }

    private String id() {
      return group == null ? rule : group;
    }
  }
}
