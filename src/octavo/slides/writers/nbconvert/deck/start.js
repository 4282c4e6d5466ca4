Reveal.initialize({
  width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4, center: false,
  controls: true, controlsTutorial: false, progress: false, slideNumber: false,
  hash: true, hashOneBasedIndex: false, transition: "none", backgroundTransition: "none",
  navigationMode: "linear", pdfSeparateFragments: false, pdfMaxPagesPerSlide: 1,
  plugins: [RevealNotes],
});
