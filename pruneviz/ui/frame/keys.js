// What every page has besides its widgets: Ctrl-Z and Ctrl-Shift-Z, a strip that folds while a
// narrow page scrolls, and a voice for what the accuracy is once it has settled.
(() => {
  if (window.prunevizKeys) return
  window.prunevizKeys = true
  const LOOK = 500 // milliseconds between two looks at the strip
  const SETTLED = 3 // looks for which it must be the same
  const root = document.documentElement
  const writes = ['INPUT', 'TEXTAREA']
  const others = ['range', 'checkbox', 'radio', 'button', 'submit', 'file']

  // A select's field is one to write in only while something is written there.
  const isText = (element) =>
    element?.isContentEditable ||
    (writes.includes(element?.tagName) && !others.includes(element.type) &&
      !(element.getAttribute('role') === 'combobox' && !element.value))

  addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== 'z') return
    if (isText(document.activeElement)) return
    event.preventDefault()
    const name = event.shiftKey ? 'redo' : 'undo'
    const buttons = [...document.querySelectorAll(`.st-key-strip-${name} button`)]
    buttons.find((button) => button.offsetParent && !button.disabled)?.click()
  })

  // The strip's place keeps its height, so that nothing below moves when it folds.
  const fold = (main) => {
    const place = document.querySelector('.st-key-strip')?.parentElement
    if (!main || !place) return
    const top = place.getBoundingClientRect().top - main.getBoundingClientRect().top
    const folds = main.scrollTop > 40 && top < parseFloat(getComputedStyle(place).top) + 1
    if (folds === 'stripFolds' in root.dataset) return
    if (folds) {
      root.style.setProperty('--strip-height', `${place.offsetHeight}px`)
      root.dataset.stripFolds = ''
    } else {
      delete root.dataset.stripFolds
    }
  }
  addEventListener('scroll', ({ target }) => target.dataset?.testid === 'stMain' && fold(target), true)

  const voice = document.createElement('div')
  voice.id = 'pruneviz-voice'
  voice.setAttribute('role', 'status')
  voice.setAttribute('aria-live', 'polite')
  voice.style.cssText = 'position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)'
  document.body.append(voice)
  let seen = ''
  let times = 0
  setInterval(() => {
    fold(document.querySelector('[data-testid=stMain]')) // a strip that was drawn after the scroll
    const text = document.querySelector('.st-key-strip-accuracy')?.textContent.replace(/\s+/g, ' ').trim()
    if (!text || text.includes('≈') || !/\d/.test(text)) return
    times = text === seen ? times + 1 : 0
    seen = text
    if (times >= SETTLED && text !== voice.textContent) voice.textContent = text
  }, LOOK)
})()
